import { readdirSync } from 'node:fs'
import { StartupError } from '../errors/errors.ts'
import type { Database } from './database.ts'

const MIGRATION = /^(Migration\d+)\.[jt]s$/

/**
 * Migrates an embedded database, and checks that a shared one is migrated.
 * @param change false: an embedded database is checked only, too
 * @throws StartupError when migrations that this version needs are missing and not applied here
 */
export async function requireMigrated(db: Database, change = true): Promise<void> {
  const missing = await missingMigrations(db)
  if (missing.length === 0) return
  if (!db.embedded || !change) {
    throw new StartupError(`The database lacks ${missing.length} migration(s). Run: npx postern migrate`)
  }
  await migrate(db)
}

/**
 * Applies migrations.
 * @param names the migrations to apply; undefined: all
 * @returns the names of the migrations it applied
 */
export async function migrate(db: Database, names?: string[]): Promise<string[]> {
  // Loaded only when needed: most starts have nothing to migrate.
  const { Migrator } = await import('@mikro-orm/migrations')
  // A pooler may use another database name in the URL, and MikroORM would create a database of that name.
  const [database] = await db.query<{ name: string }>('select current_database() as name')
  db.orm.config.set('dbName', database?.name)
  const applied = await new Migrator(db.orm.em).up(names && { migrations: names })
  return applied.map(({ name }) => name)
}

/** Names of the migrations that the database lacks. Needs two statements, where MikroORM needs ten. */
async function missingMigrations(db: Database): Promise<string[]> {
  const applied = new Set(await appliedMigrations(db.query))
  return knownMigrations(db).filter(name => !applied.has(name))
}

/** Names of the migrations of this version, oldest first. */
export function knownMigrations(db: Database): string[] {
  const { path } = db.orm.config.get('migrations')
  return readdirSync(path as string)
    .flatMap(file => MIGRATION.exec(file)?.[1] ?? [])
    .sort()
}

/** Names of the applied migrations, oldest first; empty if the database has no tables. */
export async function appliedMigrations(query: <Row extends object>(sql: string) => Promise<Row[]>): Promise<string[]> {
  const [table] = await query<{ name: string | null }>(`select to_regclass('mikro_orm_migrations')::text as name`)
  if (!table?.name) return []
  const rows = await query<{ name: string }>(`select name from ${table.name}`)
  return rows.map(({ name }) => name).sort()
}
