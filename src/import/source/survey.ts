import { StartupError } from '../../errors/errors.ts'
import { readLines } from './lines.ts'
import { beginOf, plainName, StatementReader } from './statements.ts'
import { encodingOf } from './text-decoder.ts'

/** What a dump contains. */
export interface Survey {
  /** The columns of each table, in the order of its rows; undefined for a table whose rows do not name theirs. */
  tables: ReadonlyMap<string, readonly string[] | undefined>
  /** Tables that exist in several databases or schemas. */
  ambiguous: ReadonlySet<string>
  isPostgres: boolean
  /** Whether it says that it ends where it should; undefined: it says nothing. */
  isComplete: boolean | undefined
  /** The name of its encoding in the Encoding Standard. */
  encoding: string
}

const CREATE = /^CREATE TABLE (?:IF NOT EXISTS )?([^\s(]+) \(/
const COLUMN = /^\s+(`[^`]+`|"[^"]+"|[a-z_][\w$]*) /i
/** What follows the columns of a table, and without quotes looks like one. Other words than these are names in PostgreSQL. */
const NO_COLUMN = /^\s+(CONSTRAINT|PRIMARY|UNIQUE|FOREIGN|CHECK|EXCLUDE|LIKE) /i
const NO_COLUMN_OF_MYSQL = /^\s+(KEY|INDEX|FULLTEXT|SPATIAL|PERIOD) /i
const BEGIN = /^-- (MySQL|MariaDB|PostgreSQL database) dump/
const COMPLETE = /^-- (Dump completed|PostgreSQL database dump complete)/
const POSTGRES = /^(SET (statement_timeout|client_encoding|standard_conforming_strings) = |COPY .* FROM stdin;)/
const ENCODING = /^(?:\/\*!\d+ )?SET (?:NAMES '?(\w+)|client_encoding = '(\w+)')/
const USE = /^(?:USE|\\connect) ([^\s;]+)/

/** Reads the names of the tables and columns of a dump, and what it says of itself. */
export class Surveyor {
  readonly #file: string
  readonly #isPostgres: boolean
  readonly #reader: StatementReader
  readonly #tables = new Map<string, { qualified: string; columns: string[] | undefined }>()
  readonly #ambiguous = new Set<string>()
  #creating: string[] | undefined
  #database = ''
  #encoding = 'utf-8'
  #isComplete: boolean | undefined

  constructor(file: string, isPostgres: boolean) {
    this.#file = file
    this.#isPostgres = isPostgres
    this.#reader = new StatementReader(undefined, isPostgres)
  }

  /** A line that belongs to the values of a statement says nothing, whatever it looks like. */
  read(line: string): void {
    const isWithin = this.#reader.isWithin
    this.#reader.read(line)
    if (isWithin) return
    const begun = beginOf(line)?.statement
    if (begun) this.#add(begun.table, begun.columns)
    else if (line.startsWith('--')) this.#readComment(line)
    else if (this.#creating) this.#readColumn(line, this.#creating)
    else this.#readStatement(line)
  }

  #readComment(line: string): void {
    if (COMPLETE.test(line)) this.#isComplete = true
    else if (BEGIN.test(line)) this.#isComplete = false
  }

  #readStatement(line: string): void {
    const [, created] = CREATE.exec(line) ?? []
    if (created) {
      this.#creating = []
      this.#add(created, this.#creating, true)
    }
    const [, mysql, postgres] = ENCODING.exec(line) ?? []
    const encoding = mysql ?? postgres
    if (encoding) this.#encoding = encodingOf(encoding, this.#file)
    this.#database = USE.exec(line)?.[1] ?? this.#database
  }

  #readColumn(line: string, columns: string[]): void {
    if (line.startsWith(')')) this.#creating = undefined
    if (NO_COLUMN.test(line) || (!this.#isPostgres && NO_COLUMN_OF_MYSQL.test(line))) return
    const [, column] = COLUMN.exec(line) ?? []
    if (column) columns.push(plainName(column))
  }

  #add(name: string, columns: string[] | undefined, isCreated = false): void {
    const table = plainName(name)
    const qualified = name.includes('.') ? name : `${this.#database}.${name}`
    const known = this.#tables.get(table)
    if (known && (isCreated || known.qualified !== qualified)) this.#ambiguous.add(table)
    if (!known) this.#tables.set(table, { qualified, columns })
  }

  get result(): Survey {
    return {
      tables: new Map([...this.#tables].map(([table, { columns }]) => [table, columns])),
      ambiguous: this.#ambiguous,
      isPostgres: this.#isPostgres,
      isComplete: this.#isComplete,
      encoding: this.#encoding,
    }
  }
}

/** The system that wrote a dump. */
export type Dialect = 'mysql' | 'postgres'

/**
 * Reads what a dump contains. It is read once.
 * @param dialect undefined: as the dump says
 * @throws StartupError for a file that is no dump or could be read in two ways, and for an unknown encoding
 */
export async function survey(file: string, dialect?: Dialect): Promise<Survey> {
  let surveyor: Surveyor | undefined
  let waiting: string[] = []
  let isGuess = false
  let hasBackslash = false
  for await (const { lines } of readLines(file)) {
    for (const line of lines) {
      hasBackslash ||= line.includes('\\')
      surveyor?.read(line)
      if (surveyor) continue
      waiting.push(line)
      // The first statement shows which system wrote it, and so how strings are written.
      const system = dialect ?? statedSystem(line)
      const guess = system ?? guessedSystem(line)
      if (guess === undefined && waiting.length < MAX_HEADER) continue
      isGuess = system === undefined
      surveyor = new Surveyor(file, guess === 'postgres')
      for (const one of waiting) surveyor.read(one)
      waiting = []
    }
  }
  const result = surveyor?.result
  if (!result || result.tables.size === 0)
    throw new StartupError(`${file} is not a dump by mysqldump or pg_dump in plain text.`)
  // Read as the other system writes it, a text of a user could end its string and continue as rows.
  if (isGuess && hasBackslash) throw new StartupError(`${file} ${UNCLEAR}`)
  return result
}

const UNCLEAR =
  'does not say which system wrote it, and contains backslashes, which mean something else in MySQL than in PostgreSQL: ' +
  'add --dialect mysql or --dialect postgres.'

/** More than comments and settings before the first statement. */
const MAX_HEADER = 1_000

/** What only one of the systems writes: its header, settings and comments, COPY, and backticks. */
function statedSystem(line: string): Dialect | undefined {
  const [, named] = BEGIN.exec(line) ?? []
  if (named) return named.startsWith('P') ? 'postgres' : 'mysql'
  if (POSTGRES.test(line)) return 'postgres'
  if (line.startsWith('/*!')) return 'mysql'
  const table = CREATE.exec(line)?.[1] ?? beginOf(line)?.statement.table
  return table?.includes('`') ? 'mysql' : undefined
}

/** PostgreSQL names the schema of a table, and MySQL does not use its quotes; both can. */
function guessedSystem(line: string): Dialect | undefined {
  if (!CREATE.test(line) && !beginOf(line)) return undefined
  return /^(CREATE TABLE|INSERT INTO) ("|\w+\.)/.test(line) ? 'postgres' : 'mysql'
}
