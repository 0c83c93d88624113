import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import { TOKEN_EXCHANGE } from '../../src/grants/exchange.ts'

/** Posts a form, as OAuth 2.0 clients do. A value that is a list is sent several times. */
export function form(
  app: FastifyInstance,
  url: string,
  params: Record<string, string | string[] | undefined>,
  headers: Record<string, string> = {},
): Promise<LightMyRequestResponse> {
  const body = new URLSearchParams()
  for (const [name, value] of Object.entries(params)) for (const one of [value ?? []].flat()) body.append(name, one)
  const type = { 'content-type': 'application/x-www-form-urlencoded' }
  return app.inject({ method: 'POST', url, headers: { ...type, ...headers }, payload: body.toString() })
}

export function basic(id: string, secret: string | undefined): { authorization: string } {
  const encoded = `${encodeURIComponent(id)}:${encodeURIComponent(secret ?? '')}`
  return { authorization: `Basic ${Buffer.from(encoded).toString('base64')}` }
}

/** What trades a token for another (RFC 8693 §2.1). */
export const exchangeOf = (token: string) => ({
  grant_type: TOKEN_EXCHANGE,
  subject_token: token,
  subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
})
