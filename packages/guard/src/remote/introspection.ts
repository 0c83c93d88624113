import { invalidToken, issuerAway } from '../errors.ts'
import { type OnUse, Token } from '../token.ts'
import type { Accepts } from './accepts.ts'
import { basicHeader, type Credentials, type Http } from './http.ts'
import type { Reference } from './lists.ts'
import type { Monitor } from './monitor.ts'
import { answerError } from './refusal.ts'

/** What the issuer says of a token now (RFC 7662 §2.2). */
export interface Introspected {
  token: Token
  /** Seconds since the epoch. */
  expires: number
  /** Where its status stands, so that the answer can be kept until that changes; undefined: keep nothing. */
  reference: Reference | undefined
}

export type Introspect = (text: string) => Promise<Introspected>

export interface IntrospectionOptions {
  endpoint: () => Promise<string | undefined>
  http: Http
  credentials: Credentials | undefined
  monitor: Monitor
  issuer: string
  accepts: Accepts
  inherit: boolean
  /** From a `status` claim to the place that it names. */
  refer: (status: unknown) => Reference | undefined
  onUse?: OnUse | undefined
}

/**
 * Asks the issuer about one token.
 * @throws 401 when it is not active or not meant for us; 503 when the issuer cannot be asked
 */
export function createIntrospect(options: IntrospectionOptions): Introspect {
  const { endpoint, http, credentials, monitor, issuer, accepts, refer } = options
  return async text => {
    if (!credentials) throw issuerAway(new Error('the guard has no client to introspect with'))
    const url = await endpoint()
    if (!url) throw issuerAway(new Error('the issuer does not introspect'))
    const body = await post(http, url, text, credentials).catch(error => {
      monitor.failed('introspection', error)
      throw issuerAway(error)
    })
    monitor.ok('introspection')
    if (body.active !== true) throw invalidToken('The access token is not active.')
    if (body.iss !== undefined && body.iss !== issuer) throw invalidToken('The access token comes from another issuer.')
    if (body.aud !== undefined && !(await accepts(body.aud))) {
      throw invalidToken('The access token is meant for another audience.')
    }
    return { token: read(body, options), expires: Number(body.exp), reference: refer(body.status) }
  }
}

/** @throws for any answer that does not say what the token is */
async function post(http: Http, url: string, token: string, credentials: Credentials) {
  const headers = { ...basicHeader(credentials), accept: 'application/json' }
  const { status, text } = await http.post(url, { token }, headers)
  if (status !== 200) throw answerError(url, status, credentials.clientId)
  const body = JSON.parse(text)
  if (typeof body?.active !== 'boolean') throw new Error(`${url} did not answer with an introspection`)
  return body as Record<string, unknown>
}

function read(body: Record<string, unknown>, { inherit, onUse }: IntrospectionOptions): Token {
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

/** A machine's token has its client as subject (RFC 9068 §2.2); that is nobody's user. */
export const userOf = (subject: string, clientId: string) => (subject === clientId ? null : subject)
