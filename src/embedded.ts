import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { PGlite } from '@electric-sql/pglite'
import { type DatabaseConnection, PGliteDialect, PGliteDriver } from 'kysely'
import { StartupError } from './errors.ts'

/**
 * Kysely's driver gives the one connection of PGlite to everyone at once, so that a query of one request would run
 * inside the transaction of another. This one gives it to one at a time, as a pool of one would.
 */
class OneAtATimeDriver extends PGliteDriver {
  #last: Promise<void> = Promise.resolve()
  #release: () => void = () => {}

  override async acquireConnection(): Promise<DatabaseConnection> {
    const turn = this.#last
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#last = promise
    await turn
    this.#release = resolve
    return super.acquireConnection()
  }

  override async releaseConnection(): Promise<void> {
    this.#release()
  }
}

/** The dialect of the embedded PostgreSQL. */
export class EmbeddedDialect extends PGliteDialect {
  readonly #open: () => Promise<PGlite>

  constructor(open: () => Promise<PGlite>) {
    super({ pglite: open })
    this.#open = open
  }

  override createDriver(): OneAtATimeDriver {
    return new OneAtATimeDriver({ pglite: this.#open })
  }
}

/**
 * Holds a data directory for this process. PGlite takes no lock of its own, and two processes would corrupt it. SQLite's
 * exclusive lock is the kernel's: it goes with the process, however that ends, and leaves nothing stale.
 * @returns a function that lets go
 * @throws StartupError when another process holds it, or it cannot be written
 */
export function lockFolder(folder: string): () => void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const lock = new DatabaseSync(join(folder, 'lock'), { timeout: 0 })
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
    return () => lock.close()
  } catch (error) {
    if ((error as { errcode?: number }).errcode === 5) {
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
