import { existsSync } from 'node:fs'
import { type Engine, startEngine } from './engine.ts'
import { postgresFolder, requireDatabase } from './existing.ts'
import { lockFile, lockFolder } from './lock.ts'

/** The embedded database of a data directory, held by this process. */
export interface Embedded {
  /** The engine that was started at once, or another after that one stopped. */
  start(): Promise<Engine>
  /** Stops it if nobody did, and lets go of the directory; a second time it does nothing. */
  release(): Promise<void>
}

export interface EmbeddedOptions {
  /** What a new database begins with. */
  initialDump?: Blob | undefined
  /** true: there has to be a database, and none is created. */
  mustExist?: boolean
}

/**
 * Starts the embedded database without waiting for it: it opens on its own thread while the rest is loaded.
 * @param dataDir undefined: in memory, for tests
 * @throws StartupError when another process holds the directory, it cannot be written, or there is no database where one
 *   has to be
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

/** A lock file is left where a server has been, which may be creating its database now: then the lock comes first. */
function lockDataDir(dataDir: string, existing: boolean): () => void {
  if (!existing) return lockFolder(dataDir)
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
