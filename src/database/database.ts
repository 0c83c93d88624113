import { setTimeout as sleep } from 'node:timers/promises'
import type { EntityManager, MikroORM } from '@mikro-orm/postgresql'
import { CompiledQuery } from 'kysely'
import { raise, unavailable } from '../errors/errors.ts'
import { classifySqlState } from './sqlstate.ts'

/** The network between this node and the server failed, or this process cannot open another connection. */
const NETWORK_ERROR =
  /^(ECONN(REFUSED|RESET|ABORTED)|EPIPE|ENOTCONN|ENOTFOUND|ETIMEDOUT|EAI_AGAIN|ENET(UNREACH|DOWN)|EHOST(UNREACH|DOWN)|E[MN]FILE|EADDRNOTAVAIL)$/
const UNAVAILABLE_TEXT =
  /connection terminated|timeout exceeded when trying to connect|client has encountered a connection error|client was closed|already been destroyed|after calling end on the pool/i
const MAX_ATTEMPTS = 5

export type Em = EntityManager
export type Work<T> = (em: Em) => Promise<T>

/** Access to the database. Each unit of work has its own EntityManager; errors of the driver become `PosternError`s. */
export interface Database {
  readonly orm: MikroORM
  /** true: the embedded PostgreSQL in this process. */
  readonly embedded: boolean
  /** Runs a unit of work with its own EntityManager, without a transaction. */
  run<T>(work: Work<T>): Promise<T>
  /** Runs a unit of work in a transaction. Retries it after a deadlock or a serialization failure. */
  transaction<T>(work: Work<T>): Promise<T>
  /**
   * Runs one SQL statement with `?` for each value, and returns its rows. With `em` it runs in the transaction of `em`;
   * otherwise on its own, retried like a transaction.
   */
  query<Row extends object>(sql: string, values?: readonly unknown[], em?: Em): Promise<Row[]>
  /**
   * Calls one of our SQL functions on its own, retried like a transaction, and returns its rows. The values are sent as
   * bind parameters instead of being interpolated: they may be long and need no quoting.
   */
  call<Row extends object>(name: string, values: readonly string[]): Promise<Row[]>
  close(): Promise<void>
}

/** @returns everything except `embedded` and `close`, which belong to the code that opens the ORM */
export function createDatabase(orm: MikroORM): Pick<Database, 'orm' | 'run' | 'transaction' | 'query' | 'call'> {
  const run = <T>(work: Work<T>): Promise<T> => mapDatabaseError(() => work(orm.em.fork() as Em))
  const runOnce = <T>(work: Work<T>): Promise<T> =>
    run(work).catch(error => raise(mayRetry(error) ? unavailable(error) : error))
  const kysely = () => orm.em.getConnection().getClient()
  return {
    orm,
    run: runOnce,
    transaction: work => retryOnConflict(() => run(em => em.transactional(inner => work(inner as Em)))),
    query: <Row extends object>(sql: string, values: readonly unknown[] = [], em?: Em) =>
      em ? rows<Row>(em, sql, values) : retryOnConflict(() => rows<Row>(orm.em.fork() as Em, sql, values)),
    call: <Row extends object>(name: string, values: readonly string[]) => {
      const statement = CompiledQuery.raw(`select * from ${name}(${values.map((_, i) => `$${i + 1}`)})`, [...values])
      return retryOnConflict(() => mapDatabaseError(async () => (await kysely().executeQuery<Row>(statement)).rows))
    },
  }
}

const rows = <Row extends object>(em: Em, sql: string, values: readonly unknown[]): Promise<Row[]> =>
  mapDatabaseError(async () => (await em.execute(sql, values as unknown[])) as unknown as Row[])

async function retryOnConflict<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (!mayRetry(error)) throw error
      if (attempt === MAX_ATTEMPTS) throw unavailable(error)
      // A random delay, so that transactions that conflicted do not conflict again.
      await sleep(Math.random() * 10 * 2 ** attempt)
    }
  }
}

async function mapDatabaseError<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw isUnavailable(error) ? unavailable(error) : error
  }
}

const mayRetry = (error: unknown) => classifySqlState((error as { code?: unknown }).code) === 'retry'

/** true: the database is unavailable, as opposed to a rejected statement. Conflicts that are retried do not count. */
export function isUnavailable(error: unknown): boolean {
  const { code, message, errors } = error as { code?: unknown; message?: unknown; errors?: unknown[] }
  const errorClass = classifySqlState(code)
  if (errorClass) return errorClass !== 'retry'
  return (
    NETWORK_ERROR.test(String(code)) ||
    UNAVAILABLE_TEXT.test(String(message)) ||
    (Array.isArray(errors) && errors.some(isUnavailable))
  )
}
