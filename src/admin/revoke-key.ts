import type { Progress } from '../database/in-time.ts'
import type { SigningKey } from '../keys/key.entity.ts'
import type { Keys } from '../keys/keys.ts'
import { signedIds } from '../keys/revocation.ts'
import type { Selection } from '../tokens/selection.ts'

/** A revoked key, and what became of the signed tokens that were made while it signed. */
export interface RevokedKey {
  key: SigningKey
  tokens: Progress
}

/**
 * Revokes a signing key, then the tokens that were made while it signed. They are refused from the first step on, since
 * nothing verifies them; the second makes lists and pages say so. Called again it goes on.
 * @param longest milliseconds after which it begins no further batch of tokens; without it, it revokes them all
 * @throws 404 for a `kid` that no key has
 */
export async function revokeKey(
  { keys, selection }: { keys: Keys; selection: Selection },
  kid: string,
  longest?: number,
): Promise<RevokedKey> {
  const key = await keys.revoke(kid)
  const signed = signedIds(key)
  return { key, tokens: signed ? await selection.revoke({ signed }, longest) : { count: 0, complete: true } }
}
