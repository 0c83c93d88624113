import { bindText, type OnUse, Token } from '../token.ts'
import type { VerifiedJwt } from '../verifier.ts'
import { userOf } from './introspection.ts'
import type { StatusReference } from './list-uris.ts'

/** The cache entry of a JWT with a valid signature: everything that later checks need. */
export interface VerifiedToken {
  readonly text: string
  readonly token: Token
  /** Seconds since the epoch. */
  readonly expires: number
  readonly reference: StatusReference | undefined
}

export interface CacheEntryOptions {
  inherit: boolean
  /** Reads the status reference of a `status` claim. */
  toStatusReference: (status: unknown) => StatusReference | undefined
  onUse: OnUse | undefined
}

/** Returns a function that makes the cache entry of a verified JWT. */
export function createEntryMapper({
  inherit,
  toStatusReference,
  onUse,
}: CacheEntryOptions): (verified: VerifiedJwt) => VerifiedToken {
  return ({ text, id, subject, clientId, scopes, expiresAt, payload }) => {
    const user = { userId: userOf(subject, clientId), clientId }
    const token = new Token({ id, ...user, scopes, expiresAt: new Date(expiresAt), inherit, onUse })
    bindText(token, text)
    return { text, token, expires: expiresAt / 1_000, reference: toStatusReference(payload.status) }
  }
}
