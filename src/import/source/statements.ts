import { StatementEnd } from './statement-end.ts'
import { readTuples } from './tuples.ts'

/** A statement of a dump whose rows follow. */
interface Statement {
  kind: 'copy' | 'insert'
  /** With its schema, if the statement names it. */
  table: string
  /** Those that it names. */
  columns: string[] | undefined
}

/** Rows of one table, in the order of their columns. */
export interface Values {
  columns: string[] | undefined
  rows: (string | null)[][]
}

const INSERT =
  /^(?:INSERT|REPLACE)\s+(?:(?:IGNORE|DELAYED|LOW_PRIORITY|HIGH_PRIORITY)\s+)*INTO\s+([^\s(]+)\s*(?:\(([^)]*)\)\s*)?(?:OVERRIDING (?:SYSTEM|USER) VALUE\s+)?VALUES?\s*/i
const COPY = /^COPY ([^\s(]+) (?:\(([^)]*)\) )?FROM stdin;$/

/**
 * Reads the rows of a dump line by line: `INSERT INTO … VALUES …;` and `COPY … FROM stdin;`. What belongs to the values of a
 * statement is never taken for a statement.
 */
export class StatementReader {
  readonly #wanted: string | undefined
  readonly #isPostgres: boolean
  #statement: Statement | undefined
  /** The lines of a row that continues in the next one. */
  #rest: string[] = []
  /** Of the statement. */
  #end: StatementEnd | undefined

  /** @param wanted the name of a table; undefined: none */
  constructor(wanted: string | undefined, isPostgres: boolean) {
    this.#wanted = wanted
    this.#isPostgres = isPostgres
  }

  /** Whether the next line continues a statement with values. */
  get isWithin(): boolean {
    return this.#statement !== undefined
  }

  /** @returns the rows of the line, if they belong to the wanted table @throws SyntaxError */
  read(line: string): Values | undefined {
    if (this.#statement?.kind === 'copy') return this.#copied(line, this.#statement)
    if (this.#statement) return this.#inserted(line, this.#statement)
    const begun = beginOf(line)
    this.#statement = begun?.statement
    return begun?.statement.kind === 'insert' ? this.#inserted(begun.values, begun.statement) : undefined
  }

  #copied(line: string, { table, columns }: Statement): Values | undefined {
    if (line === '\\.') this.#statement = undefined
    else if (plainName(table) === this.#wanted) return { columns, rows: [line.split('\t').map(fromCopy)] }
    return undefined
  }

  #inserted(line: string, { table, columns }: Statement): Values | undefined {
    this.#end ??= new StatementEnd(!this.#isPostgres)
    const isEnd = this.#end.isIn(line)
    if (plainName(table) !== this.#wanted) {
      if (isEnd) this.#leave()
      return undefined
    }
    this.#rest.push(line)
    // A string of many lines is read once, when it is complete.
    if (this.#end.isWithinString) return undefined
    const { rows, rest, ended } = readTuples(this.#rest.join('\n'), !this.#isPostgres)
    this.#rest = rest === '' ? [] : [rest]
    if (ended) this.#leave()
    return rows.length > 0 ? { columns, rows } : undefined
  }

  #leave(): void {
    this.#statement = undefined
    this.#end = undefined
  }
}

/** The statement that begins with the line, and what follows its first words. */
export function beginOf(line: string): { statement: Statement; values: string } | undefined {
  // Most lines are neither, and begin with another letter.
  const first = line[0]
  const [insert, inserted, listed] = (first && 'IiRr'.includes(first) && INSERT.exec(line)) || []
  if (insert && inserted)
    return {
      statement: { kind: 'insert', table: inserted, columns: namesOf(listed) },
      values: line.slice(insert.length),
    }
  const [, copied, columns] = (first === 'C' && COPY.exec(line)) || []
  return copied ? { statement: { kind: 'copy', table: copied, columns: namesOf(columns) }, values: '' } : undefined
}

const namesOf = (columns: string | undefined) => columns?.split(',').map(column => plainName(column.trim()))

/** The name without schema and quotes. */
export const plainName = (name: string) => name.slice(name.lastIndexOf('.') + 1).replaceAll(/[`"]/g, '')

const COPY_ESCAPES: Record<string, string> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f', v: '\v' }

/** A value in the text format of COPY. */
function fromCopy(text: string): string | null {
  if (text === '\\N') return null
  if (!text.includes('\\')) return text
  return text.replaceAll(/\\(.)/gs, (_, escaped: string) => COPY_ESCAPES[escaped] ?? escaped)
}
