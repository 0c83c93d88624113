import { createCache } from '../cluster/cache.ts'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Database } from '../database/database.ts'

/**
 * Finds the id of an imported client by the `client_id` that it had in the other system, such as a number.
 * @returns undefined if no client or more than one had it
 */
export type FindAlias = (clientId: string) => Promise<string | undefined>

/** Ids of Passport and Doorkeeper, and of what else the form of `postern export` can name. */
const PLAUSIBLE = /^[\w.~-]{1,255}$/
const SELECT = `select row_id as id from oauth_imported_rows where kind = 'alias' and source_id = ?`

/** Aliases change only by an import, which invalidates every cache. */
export function createAliases(db: Database, bus: InvalidationBus): FindAlias {
  const cached = createCache<{ id: string }>({
    bus,
    async load(clientId) {
      const rows = await db.query<{ id: string }>(SELECT, [clientId])
      return rows.length === 1 ? rows[0] : undefined
    },
  })
  return async clientId => (PLAUSIBLE.test(clientId) ? (await cached(clientId))?.id : undefined)
}
