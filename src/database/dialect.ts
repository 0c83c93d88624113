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
 * Kysely does not release a connection whose transaction could not be started or rolled back, such as after the loss of
 * the server. A pool that leaks all its connections this way would block forever.
 */
class Driver extends PostgresDriver {
  /** Calls that wait for a connection. */
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
   * Kysely drops its reference to the pool at once: a connection acquired after that is never released, and the pool would
   * wait for it forever. So this waits for all pending calls first; no new ones start by then, and each gets a connection
   * or reaches its timeout.
   */
  override async destroy(): Promise<void> {
    await Promise.allSettled(this.#acquiring)
    await super.destroy()
  }

  override async beginTransaction(connection: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    try {
      // After waiting for a lock, a transaction must read current data, whatever the default of the role is.
      const { isolationLevel = 'read committed' } = settings
      await super.beginTransaction(connection, { ...settings, isolationLevel })
    } catch (error) {
      await this.releaseConnection(connection as never)
      throw error
    }
  }

  /** A rollback that fails is ignored: the transaction ends with its connection, which the pool discards. */
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await super.rollbackTransaction(connection).catch(() => {})
  }
}

/** Marks errors of acquiring a connection, such as a rejected login or certificate: no statement has run. */
function withoutConnection(error: unknown): Error {
  const { code, message } = error as { code?: string; message?: string }
  if (classifySqlState(code)) return error as Error
  return Object.assign(new Error(message, { cause: error }), { code: UNABLE_TO_CONNECT })
}

/** Kysely's dialect for PostgreSQL, with a driver that releases every connection. */
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
