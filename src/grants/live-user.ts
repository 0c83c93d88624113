import { LockMode } from '@mikro-orm/postgresql'
import type { Em } from '../database/database.ts'
import { invalidGrant } from '../errors/protocol.ts'
import { User } from '../users/user.entity.ts'

/**
 * Locks the user of a code or token that is about to be redeemed (shared) until the transaction ends. `revokeGrants` waits
 * for it and then sees the new rows. This lock is taken before any other.
 * @param alone locks the user exclusively, for a transaction that counts the user's tokens
 * @throws 400 `invalid_grant` if the user is disabled
 */
export async function lockLiveUser(em: Em, id: string, alone = false): Promise<User> {
  const lockMode = alone ? LockMode.PESSIMISTIC_WRITE : LockMode.PESSIMISTIC_READ
  const user = await em.findOne(User, { id }, { lockMode })
  if (!user || user.disabledAt) throw invalidGrant('The user is disabled.')
  return user
}
