import type { Progress } from '../database/run-batches.ts'
import type { SigningKey } from '../keys/key.entity.ts'
import type { Keys } from '../keys/keys.ts'
import { signedIds } from '../keys/revocation.ts'
import type { TokenAdmin } from '../tokens/bulk.ts'

/** A revoked key, and the progress of revoking the tokens signed with it. */
export interface RevokedKey {
  key: SigningKey
  tokens: Progress
}

/**
 * Revokes a signing key, then the tokens that were signed with it. Revoking the key invalidates their signatures; revoking
 * the tokens updates status lists and pages. A repeated call continues.
 * @param timeoutMs milliseconds after which no further batch of tokens starts; default: no limit
 * @throws 404 for a `kid` that no key has
 */
export async function revokeKey(
  { keys, tokenAdmin }: { keys: Keys; tokenAdmin: TokenAdmin },
  kid: string,
  timeoutMs?: number,
): Promise<RevokedKey> {
  const key = await keys.revoke(kid)
  const signed = signedIds(key)
  return { key, tokens: signed ? await tokenAdmin.revoke({ signed }, { timeoutMs }) : { count: 0, complete: true } }
}
