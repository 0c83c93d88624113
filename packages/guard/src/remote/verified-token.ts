import { type OnUse, Token } from '../token.ts'
import type { VerifiedJwt } from '../verifier.ts'
import { userOf } from './introspection.ts'
import type { StatusReference } from './status-lists.ts'

/** What is remembered of a JWT whose signature held: all that each later check of it looks at. */
export interface VerifiedToken {
  readonly text: string
  readonly token: Token
  /** Seconds since the epoch. */
  readonly expires: number
  readonly reference: StatusReference | undefined
}

export interface CacheEntryOptions {
  inherit: boolean
  /** From a `status` claim to the place that it names. */
  toStatusReference: (status: unknown) => StatusReference | undefined
  onUse: OnUse | undefined
}

/** From what a token says to what is remembered of it. */
export function createEntryMapper({
  inherit,
  toStatusReference,
  onUse,
}: CacheEntryOptions): (verified: VerifiedJwt) => VerifiedToken {
  return ({ text, id, subject, clientId, scopes, expiresAt, payload }) => {
    const user = { userId: userOf(subject, clientId), clientId }
    const token = new Token({ id, ...user, scopes, expiresAt: new Date(expiresAt), inherit, onUse })
    return { text, token, expires: expiresAt / 1_000, reference: toStatusReference(payload.status) }
  }
}
