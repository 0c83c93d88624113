import type { Audience } from './audience.ts'

/** The values of the claims of an access token. */
export interface AccessTokenClaims {
  issuer: string
  audience: Audience
  id: string
  /** null for the token of a machine, whose subject is the client. */
  user: string | null
  client: string
  scopes: readonly string[]
  issuedAt: Date
  expiresAt: Date
  /** The id of its status list, and its index there. */
  list: number
  index: number
}

/** The URI of a status list, as tokens contain it. */
export const statusListUri = (issuer: string, list: number) => `${issuer}/oauth/status-lists/${list}`

/** The claims of a JWT access token (RFC 9068 §2.2) with its status reference. Times are in seconds since the epoch. */
export function accessTokenClaims(token: AccessTokenClaims) {
  return {
    iss: token.issuer,
    aud: token.audience,
    sub: token.user ?? token.client,
    client_id: token.client,
    iat: Math.floor(token.issuedAt.getTime() / 1000),
    exp: Math.floor(token.expiresAt.getTime() / 1000),
    jti: token.id,
    scope: token.scopes.join(' '),
    // draft-ietf-oauth-status-list §6.1
    status: { status_list: { idx: token.index, uri: statusListUri(token.issuer, token.list) } },
  }
}
