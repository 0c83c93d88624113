import type { Database, Em } from '../database/database.ts'
import type { ImportedKind } from '../imported/row.entity.ts'

/** Ids of our rows by the ids of the source. */
export type Ids = ReadonlyMap<string, string>

/** Which of these rows of a source were imported before, and as what. */
export async function findImported(
  db: Database,
  source: string,
  kind: ImportedKind,
  sourceIds: readonly string[],
): Promise<Map<string, string>> {
  if (sourceIds.length === 0) return new Map()
  const values = [kind, JSON.stringify([...new Set(sourceIds)]), source]
  const rows = await db.call<{ source_id: string; row_id: string }>('find_imported_rows', values)
  return new Map(rows.map(row => [row.source_id, row.row_id]))
}

const INSERT = `
  insert into oauth_imported_rows (kind, source_id, source, row_id)
  select ?, r.source_id, ?, r.row_id from jsonb_to_recordset(?::jsonb) as r (source_id text, row_id uuid)
  on conflict do nothing`

/** Notes which of our rows the rows of a source became, in the transaction of `em`. */
export async function noteImported(em: Em, source: string, kind: ImportedKind, ids: Ids): Promise<void> {
  if (ids.size === 0) return
  const rows = [...ids].map(([source_id, row_id]) => ({ source_id, row_id }))
  await em.execute(INSERT, [kind, source, JSON.stringify(rows)])
}
