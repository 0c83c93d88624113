import type { Progress } from '../database/run-batches.ts'
import type { SigningKey } from '../keys/key.entity.ts'
import type { Keys } from '../keys/keys.ts'
import { signedIds } from '../keys/revocation.ts'
import type { TokenAdmin } from '../tokens/bulk.ts'

/** A revoked key, and what became of the signed tokens that were made while it signed. */
export interface RevokedKey {
  key: SigningKey
  tokens: Progress
}

/**
 * Revokes a signing key, then the tokens that were made while it signed. They are refused from the first step on, since
 * nothing verifies them; the second makes lists and pages say so. Called again it goes on.
 * @param timeoutMs milliseconds after which it begins no further batch of tokens; without it, it revokes them all
 * @throws 404 for a `kid` that no key has
 */
export async function revokeKey(
  { keys, tokenAdmin }: { keys: Keys; tokenAdmin: TokenAdmin },
  kid: string,
  timeoutMs?: number,
): Promise<RevokedKey> {
  const key = await keys.revoke(kid)
  const signed = signedIds(key)
  return { key, tokens: signed ? await tokenAdmin.revoke({ signed }, timeoutMs) : { count: 0, complete: true } }
}
