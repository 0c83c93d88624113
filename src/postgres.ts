import pg from 'pg'
import { Dialect } from './dialect.ts'

/** Longer than a failover's pause, shorter than the patience of whoever waits for an answer. */
const CONNECT_MS = 5_000
/** Milliseconds; none: however long it takes. */
export type Patience = number | undefined
/** date, timestamp, timestamptz and interval: MikroORM reads them itself. */
const TIMES = [1082, 1114, 1184, 1186]

/** The dialect of a PostgreSQL that nodes share. @param patience with a statement */
export function sharedDialect(url: string, poolSize: number, patience: Patience): Dialect {
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
    if (patience) giveUpAfter(patience, client as pg.PoolClient & pg.Client)
  })
  return new Dialect({ pool })
}

/**
 * A server that vanished says nothing, and TCP goes on asking it for a quarter of an hour: whoever waits that long on
 * every connection of the pool serves nobody. Ending a connection that is busy breaks it, and whoever asked is told.
 */
function giveUpAfter(patience: number, client: pg.Client): void {
  const query = client.query.bind(client) as (...asked: unknown[]) => Promise<unknown>
  const asking = (...asked: unknown[]) => {
    const timer = setTimeout(() => void client.end(), patience)
    const done = () => clearTimeout(timer)
    const answer = query(...asked)
    answer.then(done, done)
    return answer
  }
  client.query = asking as typeof client.query
}
