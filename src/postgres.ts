import pg from 'pg'
import { setDeadline } from './deadline.ts'
import { Dialect } from './dialect.ts'

/** Longer than a failover's pause, shorter than the patience of whoever waits for an answer. */
const CONNECT_MS = 5_000
/** date, timestamp, timestamptz and interval: MikroORM reads them itself. */
const TIMES = [1082, 1114, 1184, 1186]

/** The dialect of a PostgreSQL that nodes share. @param timeout milliseconds that a statement may take; 0: no limit */
export function sharedDialect(url: string, poolSize: number, timeout: number): Dialect {
  const types = new pg.TypeOverrides()
  for (const oid of TIMES) types.setTypeParser(oid, text => text)
  const pool = new pg.Pool({
    connectionString: url,
    application_name: 'postern',
    max: poolSize,
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    types,
  })
  // The query that was under way is told; an idle connection that breaks is nobody's business.
  const ignore = () => {}
  pool.on('error', ignore).on('connect', client => {
    client.on('error', ignore)
    if (timeout) setDeadline(client as pg.PoolClient & pg.Client, timeout)
  })
  return new Dialect({ pool })
}
