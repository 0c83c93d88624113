import type { Database } from '../database.ts'

export interface PruneOptions {
  revoked: boolean
  expired: boolean
  /** Rows that have been dead for at least this long. */
  hours: number
  /** Called after each batch with all that was deleted so far. */
  onProgress?: (deleted: number) => void
  batch?: number
}

/**
 * Deletes dead tokens in batches, each its own short transaction, so that checks go on meanwhile. A row that is dead
 * stays so: no node has to hear of it.
 * @returns how many rows it deleted
 */
export async function prune(db: Database, options: PruneOptions): Promise<number> {
  const { revoked, expired, hours, onProgress = () => {}, batch = 10_000 } = options
  const before = new Date(Date.now() - hours * 3_600_000).toISOString()
  let deleted = 0
  const all = async (column: string, condition: string) => {
    for (let last = batch; last === batch; onProgress(deleted)) {
      last = await deleteBatch(db, column, condition, before, batch)
      deleted += last
    }
  }
  if (expired) await all('expires_at', 'true')
  if (revoked) await all('updated_at', 'revoked')
  return deleted
}

async function deleteBatch(db: Database, column: string, condition: string, before: string, batch: number) {
  const [row] = await db.query<{ count: number }>(
    `with dead as (
       select id from oauth_access_tokens where ${condition} and ${column} < ?
       order by ${column} limit ? for update skip locked
     ), gone as (delete from oauth_access_tokens t using dead where t.id = dead.id returning 1)
     select count(*)::int as count from gone`,
    [before, batch],
  )
  return row?.count ?? 0
}

/** How many rows a prune would delete. */
export async function countPrunable(db: Database, { revoked, expired, hours }: PruneOptions): Promise<number> {
  const before = new Date(Date.now() - hours * 3_600_000).toISOString()
  const [row] = await db.query<{ count: number }>(
    `select count(*)::int as count from oauth_access_tokens
     where (?::boolean and expires_at < ?) or (?::boolean and revoked and updated_at < ?)`,
    [expired, before, revoked, before],
  )
  return row?.count ?? 0
}
