import type { Database, Em } from '../database/database.ts'
import type { ImportedKind } from '../imported/row.entity.ts'

/**
 * Makes the statements of a transaction find rows by their indexes. An import fills tables faster than the database collects
 * statistics, so that the planner takes a table of a million rows for an empty one and would read all of it.
 */
export async function preferIndexes(em: Em): Promise<void> {
  await em.execute(`select set_config(name, 'off', true)
    from unnest(array['enable_seqscan', 'enable_hashjoin', 'enable_mergejoin']) name`)
}

/**
 * The rows `r` of a kind that were imported, for a list of ids in JSON and the name of a source, in this order. The limit keeps
 * the planner from joining the other way round.
 */
export const importedRows = (kind: ImportedKind): string => `
  jsonb_array_elements_text(?::jsonb) wanted (id)
  cross join lateral (
    select i.source_id, i.row_id from oauth_imported_rows i
    where i.kind = '${kind}' and i.source_id = wanted.id and i.source = ? limit 1) r`

/** Runs a query that finds rows by their indexes. */
export function queryByIndex<Row extends object>(
  db: Database,
  sql: string,
  values: readonly unknown[],
): Promise<Row[]> {
  return db.transaction(async em => {
    await preferIndexes(em)
    return db.query<Row>(sql, values, em)
  })
}
