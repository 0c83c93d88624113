import type { Em } from '../database/database.ts'
import { quotaReached } from '../errors/errors.ts'
import { Client } from './client.entity.ts'

/**
 * Holds the user's row until the transaction of `em` ends, so that apps registered at once are counted one after the other.
 * @throws 403 when the user has as many apps as one user may have, revoked ones aside
 */
export async function assertClientQuota(em: Em, userId: string, limit: number): Promise<void> {
  await em.execute('select from users where id = ? for no key update', [userId])
  if ((await em.count(Client, { user: userId, revoked: false })) < limit) return
  throw quotaReached('apps', limit, 'Revoke one that is no longer used, or ask an operator to raise CLIENTS_PER_USER.')
}
