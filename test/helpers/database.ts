import { createHash, randomBytes } from 'node:crypto'
import { cpSync, existsSync, globSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { Migrator } from '@mikro-orm/migrations'
import { MikroORM } from '@mikro-orm/postgresql'
import pg from 'pg'
import { ormOptions } from '../../mikro-orm.config.ts'
import type { Database } from '../../src/database/database.ts'
import { embeddedDialect } from '../../src/database/embedded/dialect.ts'
import type { Engine } from '../../src/database/embedded/engine.ts'
import { postgresFolder } from '../../src/database/embedded/existing.ts'
import { migrate } from '../../src/database/migrations.ts'
import { type DatabaseOptions, openDatabase } from '../../src/open-database.ts'

/** A PostgreSQL to run the suite on; without it each test has an embedded database of its own. */
export const SERVER = process.env.TEST_DATABASE_URL

type Teardown = { teardown(work: () => unknown): void }

/** Where an empty, migrated database of this test's own is; gone when the test ends. */
export async function testDatabase(t: Teardown): Promise<DatabaseOptions> {
  if (SERVER) return { databaseUrl: await cloneTemplate(SERVER, t), databasePoolSize: 4, dataDir: undefined }
  return { databaseUrl: undefined, databasePoolSize: 1, dataDir: undefined, initialDump: await embeddedTemplate() }
}

/** An open database of this test's own; whoever gets it closes it. */
export async function openTestDatabase(t: Teardown): Promise<Database> {
  return openDatabase(await testDatabase(t))
}

/** A new name for each state of the migrations, so that an old template is never taken for a new one. */
const VERSION = createHash('sha256')
  .update(
    globSync(resolve(import.meta.dirname, '../../migrations/*.ts'))
      .sort()
      .map(file => readFileSync(file, 'utf8'))
      .join(),
  )
  .digest('hex')
  .slice(0, 12)

/** Where the embedded database is kept that tests copy: a directory, and with `.tar` a dump. */
const TEMPLATE = join(tmpdir(), `postern-test-${VERSION}-${process.getuid?.() ?? 0}`)

/** Making a database takes seconds, loading a copy of one takes tenths. */
export async function embeddedTemplate(): Promise<Blob> {
  const file = `${TEMPLATE}.tar`
  if (existsSync(file)) return new Blob([readFileSync(file)])
  const pglite = await PGlite.create()
  const orm = new MikroORM({
    ...ormOptions({}),
    driverOptions: embeddedDialect(async () => pglite as unknown as Engine),
  })
  await orm.connect()
  await new Migrator(orm.em).up()
  const dump = await pglite.dumpDataDir('none')
  await orm.close()
  const draft = `${file}.${randomBytes(6).toString('hex')}`
  writeFileSync(draft, Buffer.from(await dump.arrayBuffer()))
  renameSync(draft, file)
  return dump
}

/** Copies an empty, migrated database to a data directory, which takes a fifth of the time of loading one. */
export async function copyEmbedded(dataDir: string): Promise<void> {
  if (!existsSync(TEMPLATE)) await makeFolder()
  cpSync(postgresFolder(TEMPLATE), postgresFolder(dataDir), { recursive: true })
}

async function makeFolder(): Promise<void> {
  const draft = mkdtempSync(`${TEMPLATE}.`)
  const place = { databaseUrl: undefined, databasePoolSize: 1, dataDir: draft, initialDump: await embeddedTemplate() }
  await (await openDatabase(place)).close()
  try {
    renameSync(draft, TEMPLATE)
  } catch {
    rmSync(draft, { recursive: true }) // Another test was faster.
  }
}

/** @returns the URL of an empty, migrated database of this test's own */
export async function cloneTemplate(server: string, t: Teardown): Promise<string> {
  const template = `postern_template_${VERSION}`
  const name = `postern_test_${randomBytes(6).toString('hex')}`
  await asAdmin(server, async client => {
    // One process makes the template, and nobody copies it meanwhile.
    await client.query('select pg_advisory_lock(7083299)')
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [template])
    if (!rowCount) await makeTemplate(server, client, template)
    await client.query(`create database ${name} template ${template}`)
  })
  t.teardown(() => asAdmin(server, client => client.query(`drop database if exists ${name} with (force)`)))
  return at(server, name)
}

async function makeTemplate(server: string, client: pg.Client, template: string): Promise<void> {
  const draft = `${template}_draft`
  await client.query(`drop database if exists ${draft} with (force)`)
  await client.query(`create database ${draft}`)
  const db = await openDatabase({ databaseUrl: at(server, draft), databasePoolSize: 1, dataDir: undefined })
  // What `postern migrate` does on a server.
  await migrate(db)
  await db.close()
  await client.query(`alter database ${draft} rename to ${template}`)
}

/** @returns the URL of a database without tables */
export async function emptyDatabase(server: string, t: Teardown): Promise<string> {
  const name = `postern_test_${randomBytes(6).toString('hex')}`
  await asAdmin(server, client => client.query(`create database ${name}`))
  t.teardown(() => asAdmin(server, client => client.query(`drop database if exists ${name} with (force)`)))
  return at(server, name)
}

async function asAdmin(server: string, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: server })
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end()
  }
}

function at(server: string, database: string): string {
  const url = new URL(server)
  url.pathname = `/${database}`
  return url.href
}
