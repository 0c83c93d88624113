import { LockMode } from '@mikro-orm/postgresql'
import type { Em } from '../database/database.ts'
import { invalidGrant } from '../errors/protocol.ts'
import { User } from '../users/user.entity.ts'

/**
 * The user for whom something is about to be redeemed, held shared until the transaction ends: whoever ends what the
 * user gave (`revokeGrants`) waits for it and sees what it made. Taken before any other lock.
 * @throws 400 `invalid_grant` when the user is disabled
 */
export async function lockLiveUser(em: Em, id: string): Promise<User> {
  const user = await em.findOne(User, { id }, { lockMode: LockMode.PESSIMISTIC_READ })
  if (!user || user.disabledAt) throw invalidGrant('The user is disabled.')
  return user
}
