import { existsSync } from 'node:fs'
import { type Engine, startEngine } from './engine.ts'
import { postgresFolder, requireDatabase } from './existing.ts'
import { lockFile, lockFolder } from './lock.ts'

/** The embedded database of a data directory, which this process has locked. */
export interface Embedded {
  /** Returns the engine that is starting; on further calls, starts another one. */
  start(): Promise<Engine>
  /** Stops the engine if it is running, and unlocks the directory. Idempotent. */
  release(): Promise<void>
}

export interface EmbeddedOptions {
  /** The initial content of a new database. */
  initialDump?: Blob | undefined
  /** true: the database must exist; none is created. */
  mustExist?: boolean
}

/**
 * Starts the embedded database without waiting for it: it opens on its own thread while other modules are loaded.
 * @param dataDir undefined: in memory, for tests
 * @throws StartupError when another process has locked the directory, it cannot be written, or the database must exist
 *   and does not
 */
export function startEmbedded(
  dataDir: string | undefined,
  { initialDump, mustExist = false }: EmbeddedOptions = {},
): Embedded {
  const unlock = dataDir ? lockDataDir(dataDir, mustExist) : () => {}
  const startOne = () => startEngine({ folder: dataDir && postgresFolder(dataDir), dump: initialDump })
  let latest = startOne()
  let taken = false
  latest.catch(() => {})
  return {
    start() {
      if (taken) latest = startOne()
      taken = true
      return latest
    },
    async release() {
      const engine = await latest.catch(() => undefined)
      if (engine && !engine.closed) await engine.close()
      unlock()
    },
  }
}

/**
 * Locks the data directory. If there is a lock file, another process may be creating the database, so the check for a
 * database is repeated under the lock.
 */
function lockDataDir(dataDir: string, mustExist: boolean): () => void {
  if (!mustExist) return lockFolder(dataDir)
  if (!existsSync(lockFile(dataDir))) requireDatabase(dataDir)
  const unlock = lockFolder(dataDir)
  try {
    requireDatabase(dataDir)
    return unlock
  } catch (error) {
    unlock()
    throw error
  }
}
