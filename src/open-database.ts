import { MikroORM } from '@mikro-orm/postgresql'
import { ormOptions } from '../mikro-orm.config.ts'
import type { Config } from './config/config.ts'
import { createDatabase, type Database } from './database/database.ts'
import { type Embedded, startEmbedded } from './database/embedded/embedded.ts'
import { StartupError } from './errors/errors.ts'

export interface DatabaseOptions extends Pick<Config, 'databaseUrl' | 'databasePoolSize'> {
  /** undefined: in memory, for tests. */
  dataDir: string | undefined
  /** Seconds that an answer of the server may take; 0 or none: no limit. */
  databaseTimeout?: number | undefined
  /** What a new embedded database begins with. */
  initialDump?: Blob
  /** The embedded database, if it was started already. */
  embedded?: Embedded | undefined
}

/**
 * @throws StartupError when the data directory is held or cannot be written, or the server does not answer
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const { databaseUrl: url, databasePoolSize: poolSize, databaseTimeout = 0, dataDir } = options
  const embedded = url ? undefined : (options.embedded ?? startEmbedded(dataDir, { initialDump: options.initialDump }))
  const orm = new MikroORM(ormOptions({ url, poolSize, timeout: databaseTimeout * 1000, start: embedded?.start }))
  const close = async () => {
    await orm.close(true).finally(() => embedded?.release())
  }
  try {
    await orm.connect()
    await orm.em.getConnection().execute('select 1')
  } catch (error) {
    await close().catch(() => {})
    const reason = (error as Error).message.split('\n', 1)[0]
    throw url
      ? new StartupError(`DATABASE_URL cannot be reached: ${reason}`, error)
      : new StartupError(`The database in ${dataDir} cannot be opened: ${reason}`, error)
  }
  return { ...createDatabase(orm), embedded: !url, close }
}
