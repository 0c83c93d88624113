import { join } from 'node:path'
import { type Engine, startEngine } from './engine.ts'
import { lockFolder } from './lock.ts'

/** The embedded database of a data directory, held by this process. */
export interface Embedded {
  /** The engine that was started at once, or another after that one stopped. */
  start(): Promise<Engine>
  /** Stops it if nobody did, and lets go of the directory; a second time it does nothing. */
  release(): Promise<void>
}

/**
 * Starts the embedded database without waiting for it: it opens on its own thread while the rest is loaded.
 * @param dataDir undefined: in memory, for tests
 * @param dump what a new database begins with
 * @throws StartupError when another process holds the directory, or it cannot be written
 */
export function startEmbedded(dataDir: string | undefined, dump?: Blob): Embedded {
  const unlock = dataDir ? lockFolder(dataDir) : () => {}
  const begin = () => startEngine({ folder: dataDir && join(dataDir, 'postgres'), dump })
  let latest = begin()
  let taken = false
  latest.catch(() => {})
  return {
    start() {
      if (taken) latest = begin()
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
