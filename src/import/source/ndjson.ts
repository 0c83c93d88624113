import { stat } from 'node:fs/promises'
import { readLines } from './lines.ts'
import type { Source, SourceRow } from './source.ts'

/**
 * Opens a file of rows in NDJSON, one `{"table": "users", "row": {"id": 1, …}}` a line. It need not list all rows, so rows
 * that it lacks are not taken for deleted ones. Lines that are no such object are left out, with a note.
 */
export async function openNdjson(file: string): Promise<Source> {
  const columns = new Map<string, Set<string>>()
  const broken: number[] = []
  for await (const { table, row } of rowsOf(file, number => broken.push(number))) {
    const names = columns.get(table) ?? new Set()
    for (const name of Object.keys(row)) names.add(name)
    columns.set(table, names)
  }
  const { size } = await stat(file)
  return {
    isComplete: false,
    notes: broken.length > 0 ? [noteOf(file, broken)] : [],
    columns: async table => columns.get(table) && [...(columns.get(table) as Set<string>)],
    total: async () => size,
    async *chunks(wanted) {
      let rows: SourceRow[] = []
      let last = 0
      for await (const { table, row, done } of rowsOf(file)) {
        if (table === wanted) rows.push(row)
        last = done
        if (rows.length < CHUNK_ROWS) continue
        yield { rows, done }
        rows = []
      }
      yield { rows, done: last }
    },
    close: async () => {},
  }
}

const CHUNK_ROWS = 1_000
const MAX_EXAMPLES = 10

function noteOf(file: string, broken: readonly number[]): string {
  const examples = broken.slice(0, MAX_EXAMPLES).join(', ') + (broken.length > MAX_EXAMPLES ? ', …' : '')
  const form = 'no object such as {"table": "users", "row": {"id": 1}}'
  return `${file}: ${broken.length} lines are ${form}, so they were left out (line ${examples}).`
}

interface Row {
  table: string
  row: SourceRow
  done: number
}

async function* rowsOf(file: string, onBroken: (line: number) => void = () => {}): AsyncGenerator<Row> {
  let number = 0
  for await (const { lines, done } of readLines(file)) {
    for (const line of lines) {
      number++
      if (line.trim() === '') continue
      const read = parse(line)
      if (read) yield { ...read, done }
      else onBroken(number)
    }
  }
}

function parse(line: string): Omit<Row, 'done'> | undefined {
  try {
    // Only of what is JSON: looking for the end of a string that has none takes quadratic time.
    const parsed: unknown = JSON.parse(line)
    const { table, row } = (LARGE.test(line) ? JSON.parse(withTextOfNumbers(line)) : parsed) as Partial<Row>
    const isRow = typeof table === 'string' && typeof row === 'object' && row !== null && !Array.isArray(row)
    return isRow ? { table, row: asText(row) } : undefined
  } catch {
    return undefined
  }
}

/** A number that JavaScript would round: another id. */
const LARGE = /\d{16}/
const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g

const withTextOfNumbers = (line: string) =>
  line.replaceAll(STRING_OR_NUMBER, one => (one[0] === '"' ? one : `"${one}"`))

function asText(row: object): SourceRow {
  const texts = Object.entries(row).map(([name, value]) => [name, value === null ? null : textOf(value)])
  return Object.fromEntries(texts)
}

const textOf = (value: unknown) => (typeof value === 'object' ? JSON.stringify(value) : String(value))
