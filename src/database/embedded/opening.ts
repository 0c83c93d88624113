import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'

/** The major version of PostgreSQL in PGlite; a test verifies it. */
export const POSTGRES_MAJOR = '18'

/** A start writes a segment of the write-ahead log, and a checkpoint. */
const NEEDED_BYTES = 24 * 2 ** 20

/** Error numbers of Emscripten's file system, whose errors have no code. */
const ERRNO: Record<number, string> = { 2: 'EACCES', 19: 'EDQUOT', 29: 'EIO', 51: 'ENOSPC', 63: 'EPERM', 69: 'EROFS' }

/** The database cannot be opened for a known reason, which its message states. */
export class OpeningRefusedError extends Error {}

/**
 * @param version the content of PG_VERSION
 * @throws OpeningRefusedError when another major version of PostgreSQL created the files, which this one cannot read
 */
export function requireMajor(version: string): void {
  if (version === POSTGRES_MAJOR) return
  if (!/^\d{1,3}(\.\d+)?$/.test(version)) {
    throw new OpeningRefusedError(
      'its PG_VERSION is damaged. Restore a backup: `postern restore FILE` with an empty DATA_DIR.',
    )
  }
  throw new OpeningRefusedError(
    `it was created by PostgreSQL ${version}, and this version of Postern has PostgreSQL ${POSTGRES_MAJOR}. ` +
      'Run `postern dump FILE` with the version of Postern that created it, and `postern restore FILE` with this one and an empty DATA_DIR.',
  )
}

/** @returns true: the disk is full, so that a retry would fail too */
export const isDiskFull = (error: unknown) => ['ENOSPC', 'EDQUOT'].includes(String(codeOf(error)))

function codeOf(error: unknown): string | undefined {
  const { errno, code } = error as { errno?: number; code?: string }
  return code ?? ERRNO[Number(errno)]
}

/** @returns an error whose message says how to fix it */
export function openingProblem(folder: string | undefined, error: unknown): Error {
  if (error instanceof OpeningRefusedError) return error
  const name = codeOf(error)
  if (folder && (isDiskFull(error) || freeBytes(dirname(folder)) < NEEDED_BYTES)) {
    return new Error(
      `the disk is full (${name ?? 'little space is left'}). Free at least ${NEEDED_BYTES / 2 ** 20} MB, or move DATA_DIR to another disk.`,
    )
  }
  const { errno, message } = error as { errno?: number; message?: string }
  return message ? (error as Error) : new Error(`its files cannot be read or written (${name ?? `error ${errno}`}).`)
}

function freeBytes(folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize
  } catch {
    return Number.POSITIVE_INFINITY
  }
}
