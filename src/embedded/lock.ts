import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { StartupError } from '../errors.ts'
import { makeFolder } from '../folder.ts'

/** SQLITE_BUSY: someone else has the lock. */
const BUSY = 5

/**
 * Holds a data directory for this process. PGlite takes no lock of its own, and two processes would corrupt it. SQLite's
 * exclusive lock is the kernel's: it goes with the process, however that ends, and leaves nothing stale.
 * @returns a function that lets go
 * @throws StartupError when another process holds it, or it cannot be written
 */
export function lockFolder(folder: string): () => void {
  try {
    makeFolder(folder)
    const lock = new DatabaseSync(join(folder, 'lock'), { timeout: 0 })
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
    return () => {
      if (lock.isOpen) lock.close()
    }
  } catch (error) {
    if ((error as { errcode?: number }).errcode === BUSY) {
      throw new StartupError(
        `The database in ${folder} is in use by another Postern process. Stop it first, or use its API.`,
        error,
      )
    }
    throw new StartupError(`DATA_DIR ${folder} cannot be written (${reason(error)}).`, error)
  }
}

function reason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return code && code !== 'ERR_SQLITE_ERROR' ? code : message
}
