import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import { BATCH_SIZE } from '../database/run-batches.ts'

/** Live JWTs of a source, after an id of the source. */
const JWTS = `
  select r.source_id, t.id from oauth_imported_rows r join oauth_access_tokens t on t.id = r.row_id
  where r.kind = 'token' and r.source = ? and r.source_id > ? and t.format = 'jwt' and not t.revoked and t.expires_at > now()
  order by r.source_id limit ?`

/**
 * Makes nodes and guards forget what they know of the JWTs of a source, in batches, so that they ask again: by a status event
 * for each, although its status is the same.
 */
export async function refreshJwtsOf(bus: InvalidationBus, source: string): Promise<void> {
  for (let after: string | undefined = ''; after !== undefined; ) {
    const from: string = after
    after = await bus.transaction(async (em, publish) => {
      const rows = (await em.execute(JWTS, [source, from, BATCH_SIZE])) as { source_id: string; id: string }[]
      for (const { id } of rows) publish({ kind: 'token', id })
      return rows.length < BATCH_SIZE ? undefined : rows.at(-1)?.source_id
    })
  }
}
