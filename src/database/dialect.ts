import {
  type AbortableOperationOptions,
  type DatabaseConnection,
  PostgresDialect,
  type PostgresDialectConfig,
  PostgresDriver,
  type TransactionSettings,
} from 'kysely'
import { classifySqlState } from './sqlstate.ts'

/** `sqlclient_unable_to_establish_sqlconnection` (PostgreSQL, appendix A). */
const UNABLE_TO_CONNECT = '08001'

/**
 * Kysely keeps a connection whose transaction could not be begun or rolled back, as when the server went away; a pool
 * that lost all its connections that way would answer nobody ever again.
 */
class Driver extends PostgresDriver {
  /** Those that wait for a connection. */
  readonly #acquiring = new Set<Promise<DatabaseConnection>>()

  override async acquireConnection(options?: AbortableOperationOptions): Promise<DatabaseConnection> {
    const acquiring = super.acquireConnection(options)
    this.#acquiring.add(acquiring)
    try {
      return await acquiring
    } catch (error) {
      throw withoutConnection(error)
    } finally {
      this.#acquiring.delete(acquiring)
    }
  }

  /**
   * Kysely forgets its pool at once: a connection that arrives after that is given to nobody and taken back by nobody,
   * and the pool would wait for it for ever. Nobody new comes while it is destroyed, and whoever waits is served or has
   * waited long enough.
   */
  override async destroy(): Promise<void> {
    await Promise.allSettled(this.#acquiring)
    await super.destroy()
  }

  override async beginTransaction(connection: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    try {
      // What a transaction reads after it waited for a lock has to be new, whatever the role's default is.
      const { isolationLevel = 'read committed' } = settings
      await super.beginTransaction(connection, { ...settings, isolationLevel })
    } catch (error) {
      await this.releaseConnection(connection as never)
      throw error
    }
  }

  /** What cannot be rolled back any more went with its connection, which the pool throws away. */
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await super.rollbackTransaction(connection).catch(() => {})
  }
}

/** Whatever the reason, such as a login or a certificate that is refused: without a connection nothing was tried. */
function withoutConnection(error: unknown): Error {
  const { code, message } = error as { code?: string; message?: string }
  if (classifySqlState(code)) return error as Error
  return Object.assign(new Error(message, { cause: error }), { code: UNABLE_TO_CONNECT })
}

/** Kysely's dialect of PostgreSQL, over a pool that gets every connection back. */
export class Dialect extends PostgresDialect {
  readonly #config: PostgresDialectConfig

  constructor(config: PostgresDialectConfig) {
    super(config)
    this.#config = config
  }

  override createDriver(): Driver {
    return new Driver(this.#config)
  }
}
