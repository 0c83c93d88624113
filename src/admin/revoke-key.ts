import type { SigningKey } from '../keys/key.entity.ts'
import type { Keys } from '../keys/keys.ts'
import { signedIds } from '../keys/revocation.ts'
import type { OperationOptions, OperationProgress } from '../operations/operations.ts'
import type { TokenAdmin } from '../tokens/bulk.ts'

/** A revoked key, and the progress of revoking the tokens signed with it. */
export interface RevokedKey {
  key: SigningKey
  tokens: OperationProgress
}

/**
 * Revokes a signing key, then the tokens that were signed with it. Revoking the key invalidates their signatures; revoking
 * the tokens updates status lists and pages.
 * @param options of revoking the tokens
 * @throws 404 for a `kid` that no key has
 */
export async function revokeKey(
  { keys, tokenAdmin }: { keys: Keys; tokenAdmin: TokenAdmin },
  kid: string,
  options?: OperationOptions,
): Promise<RevokedKey> {
  const key = await keys.revoke(kid)
  const signed = signedIds(key)
  return { key, tokens: signed ? await tokenAdmin.revoke({ signed }, options) : { count: 0, complete: true } }
}

/** How many live tokens a key has signed; 0 for a `kid` that no key has. */
export async function countSigned(
  { keys, tokenAdmin }: { keys: Keys; tokenAdmin: TokenAdmin },
  kid: string,
): Promise<number> {
  const key = (await keys.list()).find(({ id }) => id === kid)
  const signed = key && signedIds(key)
  return signed ? tokenAdmin.count({ signed }) : 0
}
