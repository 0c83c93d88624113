import { randomBytes } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createFolder } from '../../config/folder.ts'
import { folderProblem } from '../../config/folder-problem.ts'
import { StartupError } from '../../errors/errors.ts'
import { closeToOthers } from './permissions.ts'

/** SQLITE_BUSY: someone else has the lock. */
const BUSY = 5
/** What SQLite says where the file system cannot lock: PERM, PROTOCOL, NOLFS, and IOERR_ with RDLOCK, LOCK, UNLOCK, ... */
const NO_LOCKS = [3, 15, 22, 2058, 2314, 3594, 3850]

/** The file whose lock holds a data directory. */
export const lockFile = (folder: string) => join(folder, 'lock')

/**
 * Holds a data directory for this process. PGlite takes no lock of its own, and two processes would corrupt it. SQLite's
 * exclusive lock is the kernel's: it goes with the process, however that ends, and leaves nothing stale.
 * @returns a function that lets go
 * @throws StartupError when another process holds it, it cannot be written, or its file system has no locks
 */
export function lockFolder(folder: string): () => void {
  try {
    createFolder(folder)
    const unlock = lockOne(lockFile(folder))
    closeToOthers(folder)
    return unlock
  } catch (error) {
    throw lockProblem(folder, error)
  }
}

function lockOne(file: string): () => void {
  const lock = new DatabaseSync(file, { timeout: 0 })
  try {
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
  } catch (error) {
    lock.close()
    throw error
  }
  return () => {
    if (lock.isOpen) lock.close()
  }
}

function lockProblem(folder: string, error: unknown): StartupError {
  const { errcode, message } = error as { errcode?: number; message: string }
  if (errcode === undefined) return folderProblem(folder, error)
  const { lockError, writeError } = tryFile(folder)
  if (writeError) return folderProblem(folder, writeError)
  if (NO_LOCKS.includes(errcode) || (errcode === BUSY && lockError)) return noLocks(folder, error)
  if (errcode === BUSY) {
    return new StartupError(
      `The database in ${folder} is in use by another Postern process. Stop it first, or use its API.`,
      error,
    )
  }
  return new StartupError(
    `${lockFile(folder)} cannot be locked (${message}). Move it away if no other Postern process runs there, and start again.`,
    error,
  )
}

/**
 * Tries with another file, which nobody else holds: SQLite says neither why a file cannot be written nor that a file
 * system has no locks, which it reports as a lock that somebody holds. The file of the lock itself must not be opened
 * and closed here, since that would let go of a lock that this process has.
 */
function tryFile(folder: string): { writeError?: unknown; lockError?: unknown } {
  const file = join(folder, `lock-${randomBytes(6).toString('hex')}`)
  try {
    writeFileSync(file, '')
  } catch (writeError) {
    return { writeError }
  }
  try {
    lockOne(file)()
    return {}
  } catch (lockError) {
    return { lockError }
  } finally {
    rmSync(file, { force: true })
  }
}

const noLocks = (folder: string, error: unknown) =>
  new StartupError(
    `DATA_DIR ${folder} is on a file system that cannot lock files, as network shares (SMB, NFS) may be, and two processes would damage the database. Set DATA_DIR to a directory on a local disk, or use a PostgreSQL (DATABASE_URL); \`postern restore FILE\` fills either from a dump.`,
    error,
  )
