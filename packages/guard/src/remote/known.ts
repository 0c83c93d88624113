import { type OnUse, Token } from '../token.ts'
import type { Verified } from '../verifier.ts'
import { userOf } from './introspection.ts'
import type { Reference } from './lists.ts'

/** What is remembered of a JWT whose signature held: all that each later check of it looks at. */
export interface Known {
  readonly text: string
  readonly token: Token
  /** Seconds since the epoch. */
  readonly expires: number
  readonly reference: Reference | undefined
}

export interface KnownOptions {
  inherit: boolean
  /** From a `status` claim to the place that it names. */
  refer: (status: unknown) => Reference | undefined
  onUse: OnUse | undefined
}

/** From what a token says to what is remembered of it. */
export function createKeep({ inherit, refer, onUse }: KnownOptions): (verified: Verified) => Known {
  return ({ text, id, subject, clientId, scopes, expiresAt, payload }) => {
    const user = { userId: userOf(subject, clientId), clientId }
    const token = new Token({ id, ...user, scopes, expiresAt: new Date(expiresAt), inherit, onUse })
    return { text, token, expires: expiresAt / 1_000, reference: refer(payload.status) }
  }
}
