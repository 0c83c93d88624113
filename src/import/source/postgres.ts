import pg from 'pg'
import { StartupError } from '../../errors/errors.ts'
import type { Source, SourceRow } from './source.ts'

const PAGE = 2_000
const CONNECT_MS = 10_000

/** Every value as the text that a dump contains. */
const TEXT = { getTypeParser: () => (text: string) => text } as unknown as pg.CustomTypesConfig

/**
 * Opens a PostgreSQL database in one read-only transaction, so that all tables are of the same moment.
 * @throws StartupError when it cannot be reached
 */
export async function openPostgres(url: string): Promise<Source> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT_MS, types: TEXT })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query('begin isolation level repeatable read read only')
    await client.query("set local timezone = 'UTC'; set local datestyle = 'ISO'")
  } catch (error) {
    await client.end().catch(() => {})
    throw new StartupError(`The source cannot be reached: ${(error as Error).message}.`, error)
  }

  async function columns(table: string): Promise<string[] | undefined> {
    const { rows } = await client.query(
      `select attname from pg_attribute where attrelid = to_regclass(quote_ident($1)) and attnum > 0 and not attisdropped
       order by attnum`,
      [table],
    )
    return rows.length > 0 ? rows.map(row => row.attname) : undefined
  }

  return {
    isComplete: true,
    notes: [],
    columns,
    async total(table) {
      if (!(await columns(table))) return 0
      const { rows } = await client.query(`select count(*) as count from ${pg.escapeIdentifier(table)}`)
      return Number(rows[0].count)
    },
    async *chunks(table) {
      if (!(await columns(table))) return
      await client.query(`declare source_rows no scroll cursor for select * from ${pg.escapeIdentifier(table)}`)
      for (let done = 0; ; ) {
        const { rows } = await client.query<SourceRow>(`fetch ${PAGE} from source_rows`)
        done += rows.length
        if (rows.length === 0) break
        yield { rows, done }
      }
      await client.query('close source_rows')
    },
    close: () => client.end(),
  }
}
