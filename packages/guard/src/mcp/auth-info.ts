import type { Token } from '../token.ts'

/** `AuthInfo` of the official SDK, which the handlers of tools receive as `authInfo`. */
export interface AuthInfo {
  /** The text of the token. A server must not pass it on to other APIs (no token pass-through). */
  token: string
  clientId: string
  scopes: string[]
  /** Seconds since the epoch. */
  expiresAt: number
  resource: URL
  extra: {
    /** null for a machine, which acts for itself. */
    userId: string | null
    tokenId: string
    tokenName: string | null
  }
}

export function toAuthInfo(
  { id, userId, clientId, name, scopes, expiresAt }: Token,
  text: string,
  audience: string,
): AuthInfo {
  return {
    token: text,
    clientId,
    scopes: [...scopes],
    expiresAt: Math.floor(expiresAt.getTime() / 1_000),
    resource: new URL(audience),
    extra: { userId, tokenId: id, tokenName: name },
  }
}
