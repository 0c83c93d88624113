import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { migrate } from '../src/database/migrations.ts'
import { openDatabase } from '../src/open-database.ts'

/** A migrated database for one case. */
export interface BenchDatabase {
  url: string
  drop(): Promise<void>
}

export async function createDatabase(server: string): Promise<BenchDatabase> {
  const database = await createEmptyDatabase(server)
  const db = await openDatabase({ databaseUrl: database.url, databasePoolSize: 1, dataDir: undefined })
  await migrate(db).finally(() => db.close())
  return database
}

export async function createEmptyDatabase(server: string): Promise<BenchDatabase> {
  const name = `postern_bench_${randomBytes(6).toString('hex')}`
  await onServer(server, client => client.query(`create database ${name}`))
  const url = new URL(server)
  url.pathname = `/${name}`
  return {
    url: url.href,
    drop: () => onServer(server, async client => void (await client.query(`drop database ${name} with (force)`))),
  }
}

/** Runs work on one connection and closes it. */
export async function onServer<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
