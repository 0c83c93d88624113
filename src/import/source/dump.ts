import { stat } from 'node:fs/promises'
import { StartupError } from '../../errors/errors.ts'
import { readLines } from './lines.ts'
import type { Source, SourceRow } from './source.ts'
import { StatementReader } from './statements.ts'
import { type Dialect, type Survey, survey } from './survey.ts'

/**
 * Opens a dump by `mysqldump`, `mariadb-dump`, `pg_dump` (plain text) or a program that writes the same statements. It may be
 * compressed by gzip. It is read once for each table and never as a whole.
 * @param dialect the system that wrote it; undefined: as it says
 * @throws StartupError when it is incomplete: rows that it lacks would be taken for deleted ones
 */
export async function openDump(file: string, dialect?: Dialect): Promise<Source> {
  const found = await survey(file, dialect)
  if (found.isComplete === false)
    throw new StartupError(`${file} is incomplete: it does not end as a completed dump does.`)
  const { size } = await stat(file)
  const columnsOf = (table: string) => {
    requireReadable(file, found, table)
    return found.tables.get(table)
  }
  return {
    isComplete: found.isComplete === true,
    notes: found.isComplete
      ? []
      : [`${file} does not say where it ends, so tokens that it lacks are not taken for deleted.`],
    columns: async table => columnsOf(table),
    total: async () => size,
    async *chunks(table) {
      const columns = columnsOf(table)
      if (!columns) return
      const reader = new StatementReader(table, found.isPostgres)
      for await (const { lines, done } of readLines(file, found.encoding)) {
        yield { rows: lines.flatMap(line => rowsOf(reader, file, line, columns)), done }
      }
    },
    close: async () => {},
  }
}

/** @throws StartupError for a table whose rows could be read as what they are not */
function requireReadable(file: string, { tables, ambiguous }: Survey, table: string): void {
  if (ambiguous.has(table))
    throw new StartupError(`${file} has several tables ${table}. Dump one database or schema into each file.`)
  if (tables.has(table) && tables.get(table) === undefined)
    throw new StartupError(`${file} does not name the columns of ${table}. Dump its CREATE TABLE too.`)
}

function rowsOf(reader: StatementReader, file: string, line: string, columns: readonly string[]): SourceRow[] {
  try {
    const values = reader.read(line)
    return values ? values.rows.map(row => toRow(values.columns ?? columns, row)) : []
  } catch (error) {
    throw error instanceof SyntaxError ? new StartupError(`${file} cannot be read: ${error.message}.`, error) : error
  }
}

/** @throws SyntaxError */
function toRow(columns: readonly string[], values: readonly (string | null)[]): SourceRow {
  if (values.length !== columns.length)
    throw new SyntaxError(`a row has ${values.length} values for ${columns.length} columns`)
  const row: Record<string, string | null> = {}
  for (let i = 0; i < columns.length; i++) row[columns[i] as string] = values[i] as string | null
  return row
}
