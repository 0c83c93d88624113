import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'

/** The major version of PostgreSQL that PGlite has inside; a test compares. */
export const POSTGRES_MAJOR = '18'

/** A start writes a segment of the log, and a checkpoint. */
const NEEDED_BYTES = 24 * 2 ** 20

/** Of Emscripten's file system, whose errors have a number and nothing else. */
const ERRNO: Record<number, string> = { 2: 'EACCES', 19: 'EDQUOT', 29: 'EIO', 51: 'ENOSPC', 63: 'EPERM', 69: 'EROFS' }

/** A reason that is known: nothing has to be guessed from the disk. */
export class OpeningRefusedError extends Error {}

/**
 * @param version what stands in PG_VERSION
 * @throws Refusal when another major version of PostgreSQL made the files: none reads those of another
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

/** @returns true when another try would find no more room */
export const isDiskFull = (error: unknown) => ['ENOSPC', 'EDQUOT'].includes(String(codeOf(error)))

function codeOf(error: unknown): string | undefined {
  const { errno, code } = error as { errno?: number; code?: string }
  return code ?? ERRNO[Number(errno)]
}

/** @returns an error that says what a person can do about it */
export function openingProblem(folder: string | undefined, error: unknown): Error {
  if (error instanceof OpeningRefusedError) return error
  const name = codeOf(error)
  if (folder && (isDiskFull(error) || freeBytes(dirname(folder)) < NEEDED_BYTES)) {
    return new Error(
      `the disk is full (${name ?? 'little is left'}). Free at least ${NEEDED_BYTES / 2 ** 20} MB, or move DATA_DIR to another disk.`,
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
