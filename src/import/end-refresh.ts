import { revokeGrant } from '../grants/revoke-grants.ts'
import { ENDED, UNBOUND } from '../imported/row.entity.ts'
import { importedRows, queryByIndex } from './by-index.ts'
import type { ImportContext } from './context.ts'

/**
 * Ends refresh tokens that were imported before, by their ids in the source, where they were used, revoked or deleted since:
 * also if they were used here, because their successors would go on. Repeating it changes nothing.
 * @returns the ids of those that were not ended yet
 */
export type EndRefresh = (sourceIds: readonly string[]) => Promise<string[]>

/** Its text is seen for the first time after this, or before: then the row that it got is found by the next query. */
const END_UNBOUND = `
  update oauth_imported_rows i set row_id = '${ENDED}'
  from jsonb_array_elements_text(?::jsonb) wanted (id)
  where i.kind = 'refresh' and i.source_id = wanted.id and i.source = ? and i.row_id = '${UNBOUND}'
  returning i.source_id`
const FIND_UNBOUND = `
  select r.source_id from ${importedRows('refresh')} where r.row_id = '${UNBOUND}'`
const FIND_LIVE = `
  select r.source_id, t.grant_id from ${importedRows('refresh')} join oauth_refresh_tokens t on t.id = r.row_id
  where exists (
    select from oauth_refresh_tokens f
    where f.grant_id = t.grant_id and not f.revoked and f.used_at is null and f.expires_at > now())`

export function createEndRefresh({ services: { db, bus }, source, dryRun }: ImportContext): EndRefresh {
  return async sourceIds => {
    if (sourceIds.length === 0) return []
    const values = [JSON.stringify([...new Set(sourceIds)]), source]
    const unbound = await queryByIndex<{ source_id: string }>(db, dryRun ? FIND_UNBOUND : END_UNBOUND, values)
    const live = await queryByIndex<{ source_id: string; grant_id: string }>(db, FIND_LIVE, values)
    if (!dryRun) {
      // One at a time: each locks the user's row until its transaction ends.
      for (const { grant_id: grant } of live) {
        await bus.transaction((em, publish) => revokeGrant(em, publish, grant))
      }
    }
    return [...unbound, ...live].map(row => row.source_id)
  }
}
