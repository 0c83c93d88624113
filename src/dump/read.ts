import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { StartupError } from '../errors/errors.ts'
import { asObject, type End, type Header, notADump, parseHeader, rowOf } from './format.ts'

/** Approximate size of a batch of rows, in characters. */
const BATCH = 2 ** 20
const TRUNCATED = 'it is truncated: its end is missing. Use another backup.'
const DAMAGED = 'it is damaged: its checksum differs. Use another backup.'

/** Rows of one table, as JSON texts. */
export interface RowBatch {
  table: string
  rows: string[]
}

/** An open dump. */
export interface Dump {
  header: Header
  /**
   * Yields every row, and returns the content of the last line. It can be called once.
   * @throws StartupError when the file is truncated or damaged, which can only be detected at its end
   */
  batches(): AsyncGenerator<RowBatch, End>
}

/**
 * Opens a dump and parses its header.
 * @param source a gzip file
 * @throws StartupError when it is not a dump that this version can read
 */
export async function readDump(source: Readable): Promise<Dump> {
  const lines = linesOf(source)
  const { value: first } = await lines.next()
  const header = parseHeader(first || undefined)
  return { header, batches: () => batchesOf(lines, first as string) }
}

/** Reads a dump completely. @throws StartupError when this version cannot read it, or it is truncated or damaged */
export async function verifyDump(source: Readable): Promise<void> {
  const batches = (await readDump(source)).batches()
  while (!(await batches.next()).done);
}

/** Splits at newlines only. `node:readline` also splits at other line separators, which a row may contain. */
async function* linesOf(source: Readable): AsyncGenerator<string> {
  const gunzip = createGunzip().setEncoding('utf8')
  source.on('error', error => gunzip.destroy(error))
  let rest = ''
  try {
    for await (const text of source.pipe(gunzip)) {
      const lines = (rest + text).split('\n')
      rest = lines.pop() as string
      yield* lines
    }
  } catch (error) {
    throw readingProblem(error)
  } finally {
    source.destroy()
  }
}

function readingProblem(error: unknown): Error {
  const { code, message } = error as NodeJS.ErrnoException
  if (message === 'incorrect header check') return notADump()
  if (code === 'Z_BUF_ERROR') return new StartupError(TRUNCATED)
  if (code === 'Z_DATA_ERROR') return new StartupError(DAMAGED)
  return error as Error
}

async function* batchesOf(lines: AsyncGenerator<string>, first: string): AsyncGenerator<RowBatch, End> {
  const hash = createHash('sha256').update(`${first}\n`)
  let batch: RowBatch | undefined
  let size = 0
  let count = 0
  for await (const line of lines) {
    const row = rowOf(line)
    const marker = row === undefined ? (asObject(line) as { table?: unknown; end?: End } | undefined) : undefined
    if (row === undefined || size > BATCH) {
      if (batch?.rows.length) yield batch
      batch = batch && { table: batch.table, rows: [] }
      size = 0
    }
    if (marker?.end) return verified(marker.end, hash.digest('hex'), count)
    hash.update(`${line}\n`)
    if (typeof marker?.table === 'string') batch = { table: marker.table, rows: [] }
    if (row === undefined) continue
    if (!batch) throw new StartupError(DAMAGED)
    batch.rows.push(row)
    size += row.length
    count++
  }
  throw new StartupError(TRUNCATED)
}

function verified(end: End, sha256: string, rows: number): End {
  if (end.sha256 === sha256 && end.rows === rows) return end
  throw new StartupError(DAMAGED)
}
