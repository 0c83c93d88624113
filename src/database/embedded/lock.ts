import { randomBytes } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createFolder } from '../../config/folder.ts'
import { folderProblem } from '../../config/folder-problem.ts'
import { StartupError } from '../../errors/errors.ts'
import { closeToOthers } from './permissions.ts'

/** SQLITE_BUSY: another connection has the lock. */
const BUSY = 5
/** SQLite's codes on a file system without locks: PERM, PROTOCOL, NOLFS, and IOERR_ with RDLOCK, LOCK, UNLOCK, ... */
const NO_LOCKS = [3, 15, 22, 2058, 2314, 3594, 3850]

/** The lock file of a data directory. */
export const lockFile = (folder: string) => join(folder, 'lock')

/**
 * Locks a data directory for this process. PGlite takes no lock, and two processes would corrupt the database. SQLite's
 * exclusive lock is a kernel lock, which is released when the process ends for any reason, so it is never stale.
 * @returns a function that unlocks the directory
 * @throws StartupError when another process has the lock, the directory cannot be written, or its file system does not
 *   support locks
 */
export function lockFolder(folder: string): () => void {
  try {
    createFolder(folder)
    const unlock = lockOne(lockFile(folder))
    closeToOthers(folder)
    return unlock
  } catch (error) {
    if (error instanceof StartupError) throw error
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
    `${lockFile(folder)} cannot be locked (${message}). If no other Postern process uses the directory, move the file away and start again.`,
    error,
  )
}

/**
 * Tests the directory with another file, which no other process has locked. SQLite does not report why a file cannot be
 * written, and reports a file system without locks as a lock held by another process. The lock file itself must not be
 * opened and closed here: closing it would release a lock that this process has (POSIX advisory locks).
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
    `DATA_DIR ${folder} is on a file system that cannot lock files, such as some network shares (SMB, NFS), and two processes would damage the database. Set DATA_DIR to a directory on a local disk, or use a PostgreSQL (DATABASE_URL); \`postern restore FILE\` loads a dump into either.`,
    error,
  )
