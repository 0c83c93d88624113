import type { Em } from '../database/database.ts'
import { quotaReached } from '../errors/errors.ts'
import { Client } from './client.entity.ts'

/**
 * Locks the user's row until the transaction of `em` ends, so that concurrent registrations are counted one after another.
 * @throws 403 if the user has reached the maximum number of apps, not counting revoked ones
 */
export async function assertClientQuota(em: Em, userId: string, limit: number): Promise<void> {
  await em.execute('select from users where id = ? for no key update', [userId])
  if ((await em.count(Client, { user: userId, revoked: false })) < limit) return
  throw quotaReached('apps', limit, 'Revoke one that is no longer used, or ask an operator to raise CLIENTS_PER_USER.')
}
