import pg from 'pg'
import { Dialect } from './dialect.ts'
import { createHosts, type Hosts } from './hosts.ts'
import { redactError } from './redact-error.ts'
import { createSilenceWatch, type SilenceWatch } from './silence.ts'
import { classifySqlState } from './sqlstate.ts'
import { discard, setStatementTimeout } from './statement-timeout.ts'

/** Connection timeout: longer than a short failover, shorter than the timeout of clients. */
const CONNECT_MS = 5_000
/** OIDs of date, timestamp, timestamptz and interval: MikroORM parses them itself. */
const TIMES = [1082, 1114, 1184, 1186]
/**
 * Session parameters that fix the format of values, whatever the defaults of the server, the database or the role are.
 * PgBouncer tracks these startup parameters per client, so they apply in transaction mode too. It rejects most others, and
 * a `set` would stay on a server connection that other clients use (docs/adr/0026-not-now-and-session-settings.md).
 */
const SESSION = { DateStyle: 'ISO, MDY', TimeZone: 'UTC', standard_conforming_strings: 'on' }
/**
 * Sets parameters by a statement, since a pooler rejects them as startup parameters, and detects a standby. A standby lags
 * behind, so a revoked token might still be valid there: it is not used for reads either.
 *
 * All statements are short, so compiling one (`jit`) only costs time: seconds, if statistics are missing or the planner
 * overestimates the rows of a recursion.
 */
const ON_CONNECT = `select pg_is_in_recovery() as standby, set_config('jit', 'off', false),
  set_config('default_transaction_isolation', 'read committed', false)`

/** `read_only_sql_transaction` (PostgreSQL, appendix A). */
const READ_ONLY = '25006'

class Client extends pg.Client {
  readonly url: string

  constructor(hosts: Hosts, config: pg.ClientConfig) {
    const url = hosts.current
    super({ ...config, connectionString: url })
    this.url = url
  }

  /** The parameters of the startup message; an internal method of pg, which has no option for them. */
  getStartupConf(): object {
    const { getStartupConf } = pg.Client.prototype as unknown as { getStartupConf(): object }
    return { ...getStartupConf.call(this), ...SESSION }
  }
}

/**
 * The dialect for a shared PostgreSQL.
 * @param url may name several hosts, of which one is the primary
 * @param timeout statement timeout in milliseconds; 0: no limit
 */
export function postgresDialect(url: string, poolSize: number, timeout: number): Dialect {
  const hosts = createHosts(url)
  const silence = createSilenceWatch(hosts)
  const types = new pg.TypeOverrides()
  for (const oid of TIMES) types.setTypeParser(oid, text => text)
  const pool = new pg.Pool({
    application_name: 'postern',
    max: poolSize,
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    types,
    Client: Client.bind(null, hosts) as never,
    onConnect: client => prepare(client as Client, timeout, silence),
  })
  // A query in flight is rejected by its own promise; the failure of an idle connection is ignored.
  pool.on('error', ignore)
  return new Dialect({ pool }, hosts)
}

const ignore = () => {}

/**
 * Prepares a new connection.
 * @throws 25006 when the server is a standby; the pool then discards the connection
 */
async function prepare(client: Client, timeout: number, silence: SilenceWatch): Promise<void> {
  client.on('error', ignore)
  // The connection timeout of the pool does not cover this statement.
  const limit = setTimeout(() => discard(client), CONNECT_MS)
  try {
    const { rows } = await client.query<{ standby: boolean }>(ON_CONNECT)
    if (rows[0]?.standby) throw Object.assign(new Error('the server is a standby'), { code: READ_ONLY })
  } finally {
    clearTimeout(limit)
  }
  if (timeout) setStatementTimeout(client, timeout)
  watchStatements(client, silence)
}

/**
 * Discards the connection after an error that would occur on it again; the pool does not reuse an ended connection. Removes
 * row values from all errors. Reports how long the server takes.
 */
function watchStatements(client: Client, silence: SilenceWatch): void {
  silence.add(client)
  const query = client.query.bind(client) as (...args: unknown[]) => unknown
  const watchedQuery = (...args: unknown[]) => {
    const result = query(...args)
    if (!(result instanceof Promise)) return result
    silence.sent(client)
    return result.then(
      rows => {
        silence.answered(client)
        return rows
      },
      error => {
        silence.answered(client)
        if (classifySqlState(error.code) === 'connection') discard(client)
        throw redactError(error)
      },
    )
  }
  client.query = watchedQuery as typeof client.query
}
