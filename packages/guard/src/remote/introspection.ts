import { invalidToken, issuerUnavailable } from '../errors.ts'
import { type OnUse, Token } from '../token.ts'
import type { AcceptsAudience } from './audience-check.ts'
import { basicHeader, type Credentials, type HttpClient } from './http.ts'
import { httpStatusError } from './issuer-refusal.ts'
import type { StatusReference } from './list-uris.ts'
import type { Monitor } from './monitor.ts'

/** The token of an active introspection response (RFC 7662 §2.2). */
export interface IntrospectionResult {
  token: Token
  /** Seconds since the epoch. */
  expires: number
  /** Its status reference. The response can be cached until that status changes; undefined: not cacheable. */
  reference: StatusReference | undefined
}

export type Introspect = (text: string) => Promise<IntrospectionResult>

export interface IntrospectionOptions {
  endpoint: () => Promise<string | undefined>
  http: HttpClient
  credentials: Credentials | undefined
  monitor: Monitor
  issuer: string
  accepts: AcceptsAudience
  inherit: boolean
  /** Reads the status reference of a `status` claim. */
  toStatusReference: (status: unknown) => StatusReference | undefined
  onUse?: OnUse | undefined
}

/**
 * Introspects one token (RFC 7662).
 * @throws PosternError 401 when the token is not active or is for another audience; 503 when the issuer cannot be reached
 */
export function createIntrospect(options: IntrospectionOptions): Introspect {
  const { endpoint, http, credentials, monitor, issuer, accepts, toStatusReference } = options
  return async text => {
    if (!credentials) throw issuerUnavailable(new Error('the guard has no client credentials for introspection'))
    const url = await endpoint()
    if (!url) throw issuerUnavailable(new Error('the issuer has no introspection endpoint'))
    const body = await postIntrospection(http, url, text, credentials).catch(error => {
      monitor.failed('introspection', error)
      throw issuerUnavailable(error)
    })
    monitor.ok('introspection')
    if (body.active !== true) throw invalidToken('The access token is not active.')
    if (body.iss !== undefined && body.iss !== issuer) throw invalidToken('The access token comes from another issuer.')
    if (body.aud !== undefined && !(await accepts(body.aud))) {
      throw invalidToken('The access token is meant for another audience.')
    }
    return { token: toToken(body, options), expires: Number(body.exp), reference: toStatusReference(body.status) }
  }
}

/** @throws Error for a response that is not an introspection response */
async function postIntrospection(http: HttpClient, url: string, token: string, credentials: Credentials) {
  const headers = { ...basicHeader(credentials), accept: 'application/json' }
  const { status, text } = await http.post(url, { token }, headers)
  if (status !== 200) throw httpStatusError(url, status, credentials.clientId)
  const body = JSON.parse(text)
  if (typeof body?.active !== 'boolean') throw new Error(`${url} did not return an introspection response`)
  return body as Record<string, unknown>
}

function toToken(body: Record<string, unknown>, { inherit, onUse }: IntrospectionOptions): Token {
  const clientId = String(body.client_id)
  return new Token({
    id: String(body.jti),
    userId: userOf(String(body.sub), clientId),
    clientId,
    scopes: String(body.scope ?? '')
      .split(' ')
      .filter(Boolean),
    expiresAt: new Date(Number(body.exp) * 1000),
    inherit,
    onUse,
  })
}

/** The user of a token; null for a machine's token, whose subject is its client (RFC 9068 §2.2). */
export const userOf = (subject: string, clientId: string) => (subject === clientId ? null : subject)
