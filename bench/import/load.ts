import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { createConnection } from 'mysql2/promise'
import { createEmptyDatabase, onServer } from '../databases.ts'
import type { Table } from './rows.ts'

/** Where an import reads from. */
export interface Loaded {
  from: string
  drop(): Promise<void>
}

/** Rows of one statement, as mysqldump writes them. */
const ROWS_PER_INSERT = 5_000

type Dialect = 'mysql' | 'postgres'

function literal(value: string | number | null, dialect: Dialect): string {
  if (value === null) return 'NULL'
  if (typeof value === 'number') return String(value)
  const text = dialect === 'mysql' ? value.replaceAll('\\', '\\\\').replaceAll('"', '\\"') : value
  return `'${text.replaceAll("'", "''")}'`
}

function* statements({ name, columns, rows, row }: Table, dialect: Dialect): Generator<string> {
  const quote = dialect === 'mysql' ? '`' : '"'
  const named = (text: string) => `${quote}${text}${quote}`
  yield `CREATE TABLE ${named(name)} (\n${columns.map(column => `  ${named(column)} text`).join(',\n')}\n);\n`
  for (let first = 1; first <= rows; first += ROWS_PER_INSERT) {
    const ids = Array.from({ length: Math.min(ROWS_PER_INSERT, rows - first + 1) }, (_, i) => first + i)
    const tuples = ids.map(
      id =>
        `(${row(id)
          .map(value => literal(value, dialect))
          .join()})`,
    )
    yield `INSERT INTO ${named(name)} VALUES\n${tuples.join(',\n')};\n`
  }
}

/** Writes a dump as mysqldump does. */
export async function writeDump(tables: readonly Table[], file: string): Promise<Loaded> {
  const out = createWriteStream(file)
  out.write('-- MariaDB dump 10.19\n')
  for (const table of tables) {
    for (const part of statements(table, 'mysql')) if (!out.write(part)) await once(out, 'drain')
  }
  out.end('-- Dump completed\n')
  await once(out, 'finish')
  return { from: file, drop: async () => {} }
}

/** Loads a database of its own on a server of MySQL. */
export async function loadMysql(tables: readonly Table[], server: string): Promise<Loaded> {
  const connection = await createConnection(server)
  const name = 'postern_bench_source'
  await connection.query(`drop database if exists ${name}`)
  await connection.query(`create database ${name}`)
  await connection.query(`use ${name}`)
  for (const table of tables) for (const part of statements(table, 'mysql')) await connection.query(part)
  return {
    from: `${server}/${name}`,
    async drop() {
      await connection.query(`drop database ${name}`)
      await connection.end()
    },
  }
}

/** Loads a database of its own on a server of PostgreSQL. */
export async function loadPostgres(tables: readonly Table[], server: string): Promise<Loaded> {
  const { url, drop } = await createEmptyDatabase(server)
  await onServer(url, async client => {
    for (const table of tables) for (const part of statements(table, 'postgres')) await client.query(part)
  })
  return { from: url, drop }
}
