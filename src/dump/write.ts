import { createHash } from 'node:crypto'
import type { Database } from '../database/database.ts'
import { appliedMigrations, knownMigrations } from '../database/migrations.ts'
import { StartupError } from '../errors/errors.ts'
import { appKeyCheck } from './app-key.ts'
import { type End, FORMAT, type Header, rowLine } from './format.ts'
import { lastNumbers } from './sequences.ts'
import { inSession, type Session } from './session.ts'
import { dumpedTables } from './tables.ts'

/** Number of rows in memory at a time. */
const BATCH = 500

export interface DumpOptions {
  /** The version of this Postern. */
  version: string
  /** The key that the secrets in the database are encrypted with. */
  appKey: string
  /** true: the dump contains the key. */
  withKey: boolean
}

/** Writes a part of the dump, consisting of complete lines. Resolves when the next part may be written. */
export type Write = (text: string) => Promise<void>

/**
 * Writes all rows from one snapshot. Other sessions can keep using a shared database.
 * @returns the number of rows
 * @throws StartupError when a later version has migrated the database
 */
export function writeDump(db: Database, write: Write, options: DumpOptions): Promise<number> {
  return inSession(db, session => writeAll(db, session, write, options), {
    isolation: 'repeatable read',
    readOnly: true,
  })
}

async function writeAll(db: Database, session: Session, write: Write, options: DumpOptions): Promise<number> {
  const hash = createHash('sha256')
  const put = (lines: string[]) => {
    const text = lines.map(line => `${line}\n`).join('')
    hash.update(text)
    return write(text)
  }
  await put([JSON.stringify(await headerOf(db, session, options))])
  let rows = 0
  for (const table of await dumpedTables(db, session)) {
    await put([JSON.stringify({ table })])
    for await (const batch of rowsOfTable(session, table)) {
      rows += batch.length
      await put(batch.map(rowLine))
    }
  }
  // Read last: sequences are not transactional and may advance during the dump.
  const sequences = await lastNumbers(db, session)
  const end: End = { rows, sequences, sha256: hash.digest('hex') }
  await write(`${JSON.stringify({ end })}\n`)
  return rows
}

async function headerOf(db: Database, session: Session, { version, appKey, withKey }: DumpOptions): Promise<Header> {
  const migrations = await appliedMigrations(session.rows)
  if (migrations.length === 0) throw new StartupError('The database has no tables yet, so there is nothing to dump.')
  const known = knownMigrations(db)
  if (migrations.some(name => !known.includes(name))) {
    throw new StartupError('A later version of Postern has migrated the database. Dump it with that version.')
  }
  return {
    postern_dump: FORMAT,
    version,
    created_at: new Date().toISOString(),
    migrations,
    app_key_check: appKeyCheck(appKey),
    ...(withKey && { app_key: appKey }),
  }
}

async function* rowsOfTable(session: Session, table: string): AsyncGenerator<string[]> {
  await session.rows(`declare dumped no scroll cursor for select to_jsonb(t)::text as row from "${table}" t`)
  for (;;) {
    const rows = await session.rows<{ row: string }>(`fetch ${BATCH} from dumped`)
    if (rows.length === 0) break
    yield rows.map(({ row }) => row)
  }
  await session.rows('close dumped')
}
