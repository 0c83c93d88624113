import { StartupError } from '../errors/errors.ts'

/**
 * The version of the dump format: a gzip file of JSON lines. These are a header, then for each table `{"table": …}` and one
 * `{"row": …}` per row, then `{"end": …}`. docs/adr/0044 explains why a dump contains rows instead of database files.
 */
export const FORMAT = 1

/** The first line. */
export interface Header {
  /** The version of the format. */
  postern_dump: number
  /** The version of Postern that wrote it. */
  version: string
  created_at: string
  /** The migrations that were applied to the tables, in order. */
  migrations: string[]
  /** Check value of APP_KEY, which does not reveal the key. */
  app_key_check: string
  /** The key from the data directory of an embedded database; a key from the environment is never written. */
  app_key?: string
}

/** The content of the last line. */
export interface End {
  rows: number
  /** The last value of each sequence, by `table.column`. */
  sequences: Record<string, number>
  /** SHA-256 in hex of all previous lines, including their newlines. */
  sha256: string
}

/** A row is kept as the JSON text that PostgreSQL wrote; parsing it would lose digits of large numbers. */
const ROW = '{"row":'
export const rowLine = (json: string) => `${ROW}${json}}`
export const rowOf = (line: string) => (line.startsWith(ROW) ? line.slice(ROW.length, -1) : undefined)

export const notADump = () => new StartupError('it is not a dump that `postern dump` wrote.')

/**
 * @param line the first line of a file
 * @throws StartupError when it is not the header of a dump that this version can read
 */
export function parseHeader(line: string | undefined): Header {
  const header = asObject(line) as Partial<Header> | undefined
  if (typeof header?.postern_dump !== 'number' || !Array.isArray(header.migrations)) {
    throw notADump()
  }
  if (header.postern_dump > FORMAT) {
    throw new StartupError(`it was written by Postern ${header.version}. Restore it with that version or a later one.`)
  }
  return header as Header
}

/** Parses a line. @returns undefined when it is not a JSON object */
export function asObject(line: string | undefined): object | undefined {
  try {
    const value: unknown = JSON.parse(line ?? '')
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}
