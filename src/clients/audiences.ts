import { normalUri } from '../../packages/guard/src/audience.ts'
import type { Em } from '../database/database.ts'
import { takeLock } from '../database/locks.ts'
import { invalid } from '../errors/errors.ts'

/**
 * An audience belongs to one client, in whatever way it is written (RFC 3986 §6.2.2, §6.2.3). Until the transaction of
 * `em` ends nobody else takes one: PostgreSQL compares letter by letter, so its unique index alone does not do.
 * @param client id of the one that is to have it; undefined: it is made now
 * @throws 422
 */
export async function assertAudienceFree(em: Em, audience: string, client?: string): Promise<void> {
  await takeLock(em, 'audiences')
  const conflicting = await em.execute<{ id: string; audience: string }[]>(
    'select id, audience from oauth_clients where audience is not null and not revoked',
  )
  const normal = normalUri(audience)
  const other = conflicting.find(each => each.id !== client && normalUri(each.audience) === normal)
  if (other) throw invalid({ path: 'audience', message: `is that of another client, as ${other.audience}` })
}
