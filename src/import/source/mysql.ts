import { StartupError } from '../../errors/errors.ts'
import type { Source, SourceRow } from './source.ts'

const PAGE = 2_000
const CONNECT_MS = 10_000

/**
 * Opens a MySQL or MariaDB database in one read-only transaction, so that all tables are of the same moment. The time zone
 * of the connection is that of the server: TIMESTAMP columns then read as the application wrote them.
 * @throws StartupError when it cannot be reached
 */
export async function openMysql(url: string): Promise<Source> {
  // Loaded only here: no other command needs a client of MySQL.
  const { createConnection } = await import('mysql2')
  const connection = createConnection({
    uri: url.replace(/^mariadb:/, 'mysql:'),
    charset: 'utf8mb4',
    connectTimeout: CONNECT_MS,
    // Every value as the text that a dump contains.
    typeCast: field => field.string('utf8'),
  })
  connection.on('error', () => {})
  const query = (sql: string, values: unknown[] = []) => connection.promise().query<never>(sql, values)
  try {
    await query('set session transaction isolation level repeatable read')
    await query('start transaction with consistent snapshot, read only')
  } catch (error) {
    connection.destroy()
    throw new StartupError(`The source cannot be reached: ${(error as Error).message}.`, error)
  }

  async function columns(table: string): Promise<string[] | undefined> {
    const [rows] = await query(
      `select column_name as name from information_schema.columns where table_schema = database() and table_name = ?
       order by ordinal_position`,
      [table],
    )
    const names = (rows as { name: string }[]).map(({ name }) => name)
    return names.length > 0 ? names : undefined
  }

  return {
    isComplete: true,
    notes: [],
    columns,
    async total(table) {
      if (!(await columns(table))) return 0
      const [rows] = await query('select count(*) as count from ??', [table])
      return Number((rows as { count: string }[])[0]?.count)
    },
    async *chunks(table) {
      if (!(await columns(table))) return
      let rows: SourceRow[] = []
      let done = 0
      for await (const row of connection.query('select * from ??', [table]).stream({ highWaterMark: PAGE })) {
        rows.push(row as SourceRow)
        if (rows.length < PAGE) continue
        done += rows.length
        yield { rows, done }
        rows = []
      }
      yield { rows, done: done + rows.length }
    },
    close: () => connection.promise().end(),
  }
}
