import { CompiledQuery, type IsolationLevel, type Kysely } from 'kysely'
import type { Database } from '../database/database.ts'

/** One transaction. Its statements use bind parameters `$1`, `$2`. */
export interface Session {
  rows<Row extends object>(sql: string, values?: readonly unknown[]): Promise<Row[]>
}

export interface SessionOptions {
  isolation?: IsolationLevel
  readOnly?: boolean
}

/** Runs work in one transaction, without retries, since the work may consume a stream that cannot be read again. */
export function inSession<T>(
  db: Database,
  work: (session: Session) => Promise<T>,
  { isolation = 'read committed', readOnly = false }: SessionOptions = {},
): Promise<T> {
  const kysely = db.orm.em.getConnection().getClient() as Kysely<unknown>
  return kysely
    .transaction()
    .setIsolationLevel(isolation)
    .setAccessMode(readOnly ? 'read only' : 'read write')
    .execute(transaction =>
      work({
        rows: async <Row extends object>(sql: string, values: readonly unknown[] = []) =>
          (await transaction.executeQuery<Row>(CompiledQuery.raw(sql, [...values]))).rows,
      }),
    )
}
