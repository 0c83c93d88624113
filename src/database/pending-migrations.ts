import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Database } from './database.ts'
import { appliedMigrations, knownMigrations } from './migrations.ts'

/** A migration that the database lacks. */
export interface PendingMigration {
  name: string
  /** Why nodes of the previous release cannot run on the schema after it; null: they can (docs/adr/0080). */
  needsStop: string | null
}

/** What a migration's class may declare: `static readonly needsStop = 'why'`. */
interface MarkedMigration {
  needsStop?: unknown
}

/**
 * The migrations of this version that the database lacks, oldest first. A new database lacks all of them.
 * @example
 * const pending = await pendingMigrations(db)
 * const needsStop = pending.some(migration => migration.needsStop !== null)
 */
export async function pendingMigrations(db: Database): Promise<PendingMigration[]> {
  const applied = new Set(await appliedMigrations(db.query))
  const missing = knownMigrations(db).filter(name => !applied.has(name))
  const path = db.orm.config.get('migrations').path as string
  // No node of any release runs on a database without tables.
  return Promise.all(
    missing.map(async name => ({ name, needsStop: applied.size === 0 ? null : await readMark(path, name) })),
  )
}

async function readMark(path: string, name: string): Promise<string | null> {
  const file = readdirSync(path).find(each => each === `${name}.ts` || each === `${name}.js`) as string
  const exported = (await import(join(path, file))) as Record<string, MarkedMigration>
  const reason = exported[name]?.needsStop
  return typeof reason === 'string' ? reason : null
}
