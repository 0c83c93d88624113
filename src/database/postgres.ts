import pg from 'pg'
import { Dialect } from './dialect.ts'
import { redactError } from './redact-error.ts'
import { classifySqlState } from './sqlstate.ts'
import { discard, setStatementTimeout } from './statement-timeout.ts'

/** Longer than a failover's pause, shorter than the patience of whoever waits for an answer. */
const CONNECT_MS = 5_000
/** date, timestamp, timestamptz and interval: MikroORM reads them itself. */
const TIMES = [1082, 1114, 1184, 1186]
/**
 * How values are written, whatever the server, the database or the role have as their default. These are the startup
 * parameters that PgBouncer follows for each client, so they hold in transaction mode too; it refuses most others, and
 * a `set` would stay on a connection that it gives to somebody else (docs/adr/0026-not-now-and-session-settings.md).
 */
const SESSION = { DateStyle: 'ISO, MDY', TimeZone: 'UTC', standard_conforming_strings: 'on' }
/**
 * By a statement, since a pooler refuses it as a startup parameter. A standby lags behind: what was revoked might be
 * valid there, so it is not read from either.
 */
const ON_CONNECT = `select pg_is_in_recovery() as standby, set_config('default_transaction_isolation', 'read committed', false)`

/** `read_only_sql_transaction` (PostgreSQL, appendix A). */
const READ_ONLY = '25006'

class Client extends pg.Client {
  /** What the first message of a connection says; an internal of pg, which offers no way to add to it. */
  getStartupConf(): object {
    const { getStartupConf } = pg.Client.prototype as unknown as { getStartupConf(): object }
    return { ...getStartupConf.call(this), ...SESSION }
  }
}

/** The dialect of a PostgreSQL that nodes share. @param timeout milliseconds that a statement may take; 0: no limit */
export function postgresDialect(url: string, poolSize: number, timeout: number): Dialect {
  const types = new pg.TypeOverrides()
  for (const oid of TIMES) types.setTypeParser(oid, text => text)
  const pool = new pg.Pool({
    connectionString: url,
    application_name: 'postern',
    max: poolSize,
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    types,
    Client,
    onConnect: client => prepare(client as pg.Client, timeout),
  })
  // The query that was under way is told; an idle connection that breaks is nobody's business.
  pool.on('error', ignore)
  return new Dialect({ pool })
}

const ignore = () => {}

/**
 * Before a connection is used for the first time.
 * @throws 25006 when the server is a standby; the pool then drops the connection
 */
async function prepare(client: pg.Client, timeout: number): Promise<void> {
  client.on('error', ignore)
  // The pool limits how long connecting takes, but not this.
  const limit = setTimeout(() => discard(client), CONNECT_MS)
  try {
    const { rows } = await client.query<{ standby: boolean }>(ON_CONNECT)
    if (rows[0]?.standby) throw Object.assign(new Error('the server is a standby'), { code: READ_ONLY })
  } finally {
    clearTimeout(limit)
  }
  if (timeout) setStatementTimeout(client, timeout)
  watchErrors(client)
}

/**
 * Drops the connection after an error that it would only repeat; the pool keeps none that was ended. No error goes on
 * with rows in it.
 */
function watchErrors(client: pg.Client): void {
  const query = client.query.bind(client) as (...args: unknown[]) => unknown
  const watchedQuery = (...args: unknown[]) => {
    const answer = query(...args)
    if (!(answer instanceof Promise)) return answer
    return answer.catch(error => {
      if (classifySqlState(error.code) === 'connection') discard(client)
      throw redactError(error)
    })
  }
  client.query = watchedQuery as typeof client.query
}
