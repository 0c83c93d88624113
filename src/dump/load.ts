import type { Database } from '../database/database.ts'
import { appliedMigrations, knownMigrations, migrate } from '../database/migrations.ts'
import { DECLARE_RESTORED } from '../deployment/restoration.ts'
import { StartupError } from '../errors/errors.ts'
import type { Header } from './format.ts'
import type { Dump } from './read.ts'
import { advanceSequences } from './sequences.ts'
import { inSession, type Session } from './session.ts'
import { dumpedTables, existingTables } from './tables.ts'

const SETTINGS_MIGRATION = 'Migration20261129065523'

/**
 * Loads a dump into an empty database: applies the migrations of the dump, inserts all rows in one transaction, then
 * applies later migrations.
 * @returns the number of rows
 * @throws StartupError when the database is not empty, or the file cannot be read completely; then no rows are inserted
 */
export async function loadDump(db: Database, dump: Dump): Promise<number> {
  const { migrations } = dump.header
  requireKnown(db, dump.header)
  const applied = await appliedMigrations(db.query)
  await inSession(db, session => requireEmpty(db, session), { readOnly: true })
  if (applied.some(name => !migrations.includes(name))) throw notEmpty()
  await migrate(db, migrations)
  const rows = await inSession(db, session => loadRows(db, session, dump))
  await migrate(db)
  // A dump of an earlier version has no settings.
  if (!migrations.includes(SETTINGS_MIGRATION)) await db.query(DECLARE_RESTORED)
  return rows
}

function requireKnown(db: Database, { migrations, version }: Header): void {
  const known = knownMigrations(db)
  if (migrations.every(name => known.includes(name))) return
  throw new StartupError(`it was written by Postern ${version}, which is newer. Restore it with that version.`)
}

async function requireEmpty(db: Database, session: Session): Promise<void> {
  for (const table of await existingTables(db, session)) {
    const [row] = await session.rows(`select 1 from "${table}" limit 1`)
    if (row) throw notEmpty()
  }
}

const notEmpty = () =>
  new StartupError('the database is not empty, and data is never overwritten. Set DATABASE_URL to a new database.')

async function loadRows(db: Database, session: Session, dump: Dump): Promise<number> {
  const tables = await dumpedTables(db, session)
  // A server that starts now waits for the locks, and then finds the complete data.
  await session.rows(`lock table ${tables.map(name => `"${name}"`).join(', ')} in access exclusive mode`)
  await requireEmpty(db, session)
  await setTriggers(session, tables, 'disable')
  const batches = dump.batches()
  for (;;) {
    const next = await batches.next()
    if (next.done) {
      await setTriggers(session, tables, 'enable')
      if (tables.includes('settings')) await session.rows(DECLARE_RESTORED)
      await advanceSequences(db, session, next.value.sequences)
      return next.value.rows
    }
    const { table, rows } = next.value
    if (!tables.includes(table))
      throw new StartupError(`it contains a table that this version does not know: ${table}.`)
    await session.rows(`insert into "${table}" select * from jsonb_populate_recordset(null::"${table}", $1::jsonb)`, [
      `[${rows.join(',')}]`,
    ])
  }
}

/** What triggers write for new rows, such as status events, is among the rows of the dump. */
async function setTriggers(session: Session, tables: readonly string[], change: 'enable' | 'disable'): Promise<void> {
  for (const table of tables) await session.rows(`alter table "${table}" ${change} trigger user`)
}
