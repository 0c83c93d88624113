import type { Database } from '../database/database.ts'
import type { Session } from './session.ts'

/**
 * Tables that a dump does not contain. Nodes register themselves at their start, and events only record changes; without
 * them, readers of the feed reload the lists after a restore.
 */
const EXCLUDED = ['nodes', 'oauth_status_events']

/** All tables of Postern, existing or not. The database may contain tables of other applications. */
export function everyTable(db: Database): string[] {
  const metadata = [...db.orm.getMetadata().getAll().values()]
  return [...new Set(metadata.flatMap(({ tableName }) => tableName || []))].sort()
}

/** @returns the existing tables that a dump contains, each one after the tables that it references */
export async function dumpedTables(db: Database, session: Session): Promise<string[]> {
  const existing = await existingTables(db, session)
  const references = await session.rows<{ child: string; parent: string }>(
    `select child.relname as child, parent.relname as parent from pg_constraint c
     join pg_class child on child.oid = c.conrelid join pg_class parent on parent.oid = c.confrelid
     where c.contype = 'f' and c.conrelid <> c.confrelid
       and c.conrelid in (select to_regclass(quote_ident(name)) from jsonb_array_elements_text($1::jsonb) name)`,
    [JSON.stringify(existing)],
  )
  return inOrder(
    existing.filter(name => !EXCLUDED.includes(name)),
    references,
  )
}

/** @returns the tables of Postern that exist in the database */
export async function existingTables(db: Database, session: Session): Promise<string[]> {
  const rows = await session.rows<{ name: string }>(
    `select name from jsonb_array_elements_text($1::jsonb) name where to_regclass(quote_ident(name)) is not null`,
    [JSON.stringify(everyTable(db))],
  )
  return rows.map(({ name }) => name)
}

function inOrder(tables: string[], references: { child: string; parent: string }[]): string[] {
  const ordered: string[] = []
  const add = (table: string) => {
    if (ordered.includes(table) || !tables.includes(table)) return
    for (const { child, parent } of references) if (child === table) add(parent)
    ordered.push(table)
  }
  for (const table of tables) add(table)
  return ordered
}

/** The sequence of a column in a table of Postern. */
export interface Sequence {
  /** `table.column` */
  name: string
  /** The quoted name of the sequence. */
  sequence: string
  /** The type of the column: `integer` or `bigint`. */
  type: string
}

export const sequencesOf = async (db: Database, session: Session): Promise<Sequence[]> =>
  session.rows<Sequence>(
    `select t.relname || '.' || a.attname as name, a.atttypid::regtype::text as type,
       pg_get_serial_sequence(t.oid::regclass::text, a.attname) as sequence
     from pg_class t join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
     where t.oid in (select to_regclass(quote_ident(name)) from jsonb_array_elements_text($1::jsonb) name)
       and pg_get_serial_sequence(t.oid::regclass::text, a.attname) is not null
     order by name`,
    [JSON.stringify(await existingTables(db, session))],
  )
