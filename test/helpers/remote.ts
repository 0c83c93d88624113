import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'

/** Asks a listening server in the words of `app.inject`, so that what asks an app can ask a process. */
export function remote(base: string): FastifyInstance {
  return { inject: (asked: string | InjectOptions) => send(base, asked) } as unknown as FastifyInstance
}

async function send(base: string, asked: string | InjectOptions): Promise<LightMyRequestResponse> {
  const { method = 'GET', url, headers, payload, cookies } = typeof asked === 'string' ? { url: asked } : asked
  const sent = new Headers(headers as Record<string, string>)
  if (cookies)
    sent.set(
      'cookie',
      Object.entries(cookies)
        .map(pair => pair.join('='))
        .join('; '),
    )
  const isText = payload === undefined || typeof payload === 'string'
  if (!isText) sent.set('content-type', 'application/json')
  const answer = await fetch(`${base}${url}`, {
    method,
    headers: sent,
    redirect: 'manual',
    body: isText ? payload : JSON.stringify(payload),
  } as RequestInit)
  const body = await answer.text()
  return {
    statusCode: answer.status,
    headers: Object.fromEntries(answer.headers),
    body,
    json: () => JSON.parse(body),
    cookies: answer.headers.getSetCookie().map(cookie),
  } as unknown as LightMyRequestResponse
}

function cookie(line: string) {
  const [first = '', ...rest] = line.split(/; */)
  const at = first.indexOf('=')
  const said = new Map(rest.map(part => part.split('=') as [string, string]).map(([k, v]) => [k.toLowerCase(), v]))
  return {
    name: first.slice(0, at),
    value: first.slice(at + 1),
    ...(said.has('max-age') && { maxAge: Number(said.get('max-age')) }),
    ...(said.has('expires') && { expires: new Date(said.get('expires') as string) }),
  }
}
