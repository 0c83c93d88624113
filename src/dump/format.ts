import { StartupError } from '../errors/errors.ts'

/**
 * A dump is a gzip file of JSON lines: a header, then for each table `{"table": …}` and a `{"row": …}` for each row, then
 * `{"end": …}`. docs/adr/0044 says why rows and not files of the database.
 */
export const FORMAT = 1

/** The first line. */
export interface Header {
  /** The version of the format. */
  postern_dump: number
  /** The version of Postern that wrote it. */
  version: string
  created_at: string
  /** The migrations that the tables had, in their order. */
  migrations: string[]
  /** Tells one APP_KEY from another, and nothing about it. */
  app_key_check: string
  /** The key that an embedded database has beside it; a key from the environment is never written down. */
  app_key?: string
}

/** What the last line says of those before it. */
export interface End {
  rows: number
  /** The last number that each sequence gave out, by `table.column`. */
  sequences: Record<string, number>
  /** SHA-256 in hex of every line before, each with its newline. */
  sha256: string
}

/** Rows stay the text that PostgreSQL wrote, so that no number loses digits on its way. */
const ROW = '{"row":'
export const rowLine = (json: string) => `${ROW}${json}}`
export const rowOf = (line: string) => (line.startsWith(ROW) ? line.slice(ROW.length, -1) : undefined)

export const notADump = () => new StartupError('it is not a dump that `postern dump` wrote.')

/**
 * @param line the first line of a file
 * @throws StartupError when it is not that of a dump that this version reads
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

/** @returns the object on a line; undefined where there is none */
export function asObject(line: string | undefined): object | undefined {
  try {
    const value: unknown = JSON.parse(line ?? '')
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}
