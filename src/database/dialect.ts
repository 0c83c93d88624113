import {
  type AbortableOperationOptions,
  type DatabaseConnection,
  PostgresDialect,
  type PostgresDialectConfig,
  PostgresDriver,
  type TransactionSettings,
} from 'kysely'
import type { Hosts } from './hosts.ts'
import { classifySqlState } from './sqlstate.ts'

/** `sqlclient_unable_to_establish_sqlconnection` (PostgreSQL, appendix A). */
const UNABLE_TO_CONNECT = '08001'
/** The pool's error when all its connections are in use: that says nothing about the host. */
const POOL_EXHAUSTED = /timeout exceeded when trying to connect/

/**
 * Kysely does not release a connection whose transaction could not be started or rolled back, such as after the loss of
 * the server. A pool that leaks all its connections this way would block forever.
 */
class Driver extends PostgresDriver {
  /** Calls that wait for a connection. */
  readonly #acquiring = new Set<Promise<DatabaseConnection>>()
  readonly #hosts: Hosts | undefined

  constructor(config: PostgresDialectConfig, hosts?: Hosts) {
    super(config)
    this.#hosts = hosts
  }

  override async acquireConnection(options?: AbortableOperationOptions): Promise<DatabaseConnection> {
    const acquiring = this.#acquire(options)
    this.#acquiring.add(acquiring)
    try {
      return await acquiring
    } catch (error) {
      throw withoutConnection(error)
    } finally {
      this.#acquiring.delete(acquiring)
    }
  }

  /** Tries each host once: one that refuses the connection, does not respond or is a standby is followed by the next. */
  async #acquire(options?: AbortableOperationOptions): Promise<DatabaseConnection> {
    for (let attempt = 1; ; attempt++) {
      const host = this.#hosts?.current
      try {
        return await super.acquireConnection(options)
      } catch (error) {
        if (!host || POOL_EXHAUSTED.test((error as Error).message)) throw error
        this.#hosts?.reportFailure(host)
        if (attempt >= (this.#hosts?.count ?? 1)) throw error
      }
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
  readonly #hosts: Hosts | undefined

  constructor(config: PostgresDialectConfig, hosts?: Hosts) {
    super(config)
    this.#config = config
    this.#hosts = hosts
  }

  override createDriver(): Driver {
    return new Driver(this.#config, this.#hosts)
  }
}
