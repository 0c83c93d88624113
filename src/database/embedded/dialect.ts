import type { PostgresPool, PostgresPoolClient } from 'kysely'
import { Dialect } from '../dialect.ts'
import type { Engine } from './engine.ts'

type Turn = PromiseWithResolvers<void>

/**
 * A pool of the single connection of PGlite, used by one unit of work at a time: a query of one request must not run in
 * the transaction of another.
 */
class SingleConnectionPool implements PostgresPool {
  readonly options = {}
  readonly #start: () => Promise<Engine>
  #engine: Promise<Engine> | undefined
  #last: Promise<void> = Promise.resolve()
  #ended = false

  constructor(start: () => Promise<Engine>) {
    this.#start = start
  }

  async connect(): Promise<PostgresPoolClient> {
    if (this.#ended) throw new Error('Cannot use a pool after calling end on the pool')
    const previous = this.#last
    const turn: Turn = Promise.withResolvers()
    this.#last = turn.promise
    await previous
    try {
      const engine = await this.#running()
      const query = (sql: string, params: readonly unknown[]) => engine.query(sql, params)
      return { query: query as PostgresPoolClient['query'], release: turn.resolve }
    } catch (error) {
      turn.resolve()
      throw error
    }
  }

  async end(): Promise<void> {
    this.#ended = true
    await this.#last
    const engine = await this.#opened()
    await engine?.close()
  }

  #opened(): Promise<Engine | undefined> {
    return Promise.resolve(this.#engine).catch(() => undefined)
  }

  /** Restarts an engine that has stopped: its write-ahead log has every commit. */
  async #running(): Promise<Engine> {
    const engine = await this.#opened()
    if (engine && !engine.closed) return engine
    this.#engine = this.#start()
    return this.#engine
  }
}

/** The dialect of the embedded PostgreSQL. */
export function embeddedDialect(start: () => Promise<Engine>): Dialect {
  return new Dialect({ pool: new SingleConnectionPool(start) })
}
