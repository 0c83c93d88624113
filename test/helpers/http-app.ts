import type { FastifyInstance } from 'fastify'

interface InjectOptions {
  method: string
  url: string
  cookies?: Record<string, string>
  headers?: Record<string, string>
  payload?: string
}

/** A server in another process, as `Browser` uses one: only what it calls. */
export function appAt(origin: string): FastifyInstance {
  async function inject({ method, url, cookies = {}, headers = {}, payload }: InjectOptions) {
    const cookie = Object.entries(cookies).map(([name, value]) => `${name}=${value}`)
    const response = await fetch(new URL(url, origin), {
      method,
      headers: { ...headers, ...(cookie.length > 0 && { cookie: cookie.join('; ') }) },
      redirect: 'manual',
      ...(payload !== undefined && { body: payload }),
    })
    const body = await response.text()
    return {
      statusCode: response.status,
      headers: Object.fromEntries(response.headers),
      body,
      cookies: response.headers.getSetCookie().map(cookieOf),
      json: () => JSON.parse(body),
    }
  }
  return { inject } as unknown as FastifyInstance
}

function cookieOf(text: string) {
  const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(text) ?? []
  const maxAge = /; max-age=(\d+)/i.exec(text)?.[1]
  return { name, value, ...(maxAge !== undefined && { maxAge: Number(maxAge) }) }
}
