import { normalUri } from '../../packages/guard/src/audience.ts'
import type { Em } from '../database/database.ts'
import { takeLock } from '../database/locks.ts'
import { invalid } from '../errors/errors.ts'

/**
 * Checks that no other client has an equivalent audience (RFC 3986 §6.2.2, §6.2.3). Until the transaction of `em` ends, no
 * other transaction can register one: the unique index of PostgreSQL compares characters, not normalized URIs.
 * @param client id of the client that will have it; undefined for a new client
 * @throws 422
 */
export async function assertAudienceFree(em: Em, audience: string, client?: string): Promise<void> {
  await takeLock(em, 'audiences')
  const conflicting = await em.execute<{ id: string; audience: string }[]>(
    'select id, audience from oauth_clients where audience is not null and not revoked',
  )
  const normal = normalUri(audience)
  const other = conflicting.find(each => each.id !== client && normalUri(each.audience) === normal)
  if (other)
    throw invalid({ path: 'audience', message: `is already registered for another client, as ${other.audience}` })
}
