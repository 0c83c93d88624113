import type { TLSSocket } from 'node:tls'
import pg from 'pg'
import type { Config } from '../config/config.ts'
import { splitHosts } from '../config/database-hosts.ts'
import { clockFinding } from './clock.ts'
import { type Check, failed, ok, reasonOf, skipped, warning } from './finding.ts'

const TIMEOUT_MS = 5_000
const OLDEST_MAJOR = 15

/** The connection to each PostgreSQL: whether it responds, by TLS, with the right time. */
export function databaseCheck({ databaseUrl }: Config): Check {
  return {
    name: 'database',
    remedy: 'Check DATABASE_URL, and that PostgreSQL accepts connections from this machine.',
    async run() {
      if (!databaseUrl) return skipped('The database is embedded.')
      const urls = splitHosts(databaseUrl) ?? []
      const results = await Promise.all(urls.map(inspect))
      const findings = results.flatMap(result => result.findings)
      if (results.some(({ writable }) => writable)) return findings
      return [
        ...findings,
        failed('No server of DATABASE_URL accepts writes.', 'Promote a standby, or repair the primary.'),
      ]
    },
  }
}

interface Inspected {
  writable: boolean
  findings: ReturnType<typeof ok>[]
}

interface Server {
  version: string
  major: number
  standby: boolean
  now: Date
}

const QUERY = `select current_setting('server_version') as version,
  current_setting('server_version_num')::int / 10000 as major, pg_is_in_recovery() as standby, clock_timestamp() as now`

async function inspect(url: string): Promise<Inspected> {
  const { host } = new URL(url)
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: TIMEOUT_MS,
    query_timeout: TIMEOUT_MS,
  })
  client.on('error', () => {})
  try {
    await client.connect()
    const sent = Date.now()
    const [server] = (await client.query<Server>(QUERY)).rows as [Server]
    const received = Date.now()
    const responds = ok(`PostgreSQL ${server.version} at ${host} responds in ${received - sent} ms.`)
    const findings = [
      responds,
      tlsFinding(connectionOf(client), host),
      clockFinding(`PostgreSQL at ${host}`, server.now, sent, received),
    ]
    if (server.major < OLDEST_MAJOR)
      findings.push(failed(`PostgreSQL at ${host} is too old.`, `Upgrade it to ${OLDEST_MAJOR} or later.`))
    return { writable: !server.standby, findings }
  } catch (error) {
    const remedy = 'Check DATABASE_URL, and that PostgreSQL accepts connections from this machine.'
    return {
      writable: false,
      findings: [failed(`PostgreSQL at ${host} cannot be reached: ${reasonOf(error)}`, remedy)],
    }
  } finally {
    await client.end().catch(() => {})
  }
}

/** How a connection is protected. */
export interface Protection {
  encrypted: boolean
  /** The certificate is that of the host, by an authority that this machine knows. */
  verified: boolean
  /** undefined: a Unix socket. */
  address: string | undefined
}

/** The socket of a connection; pg has no public name for it. */
function connectionOf(client: pg.Client): Protection {
  const { stream } = (client as unknown as { connection: { stream: TLSSocket } }).connection
  return { encrypted: stream.encrypted === true, verified: stream.authorized === true, address: stream.remoteAddress }
}

const isLocal = (address: string | undefined) => address === undefined || /^(127\.|::1$|::ffff:127\.)/.test(address)

/** Whether somebody on the network could read the connection to the database, or take the server's place. */
export function tlsFinding({ encrypted, verified, address }: Protection, host: string) {
  if (encrypted && verified) return ok(`The connection to ${host} uses TLS, and its certificate is verified.`)
  if (isLocal(address)) return ok(`The connection to ${host} does not leave this machine.`)
  if (encrypted) return warning(`The certificate of ${host} is not verified.`, VERIFY)
  return failed(`The connection to ${host} is not encrypted.`, VERIFY)
}

const VERIFY =
  'Append ?sslmode=verify-full to DATABASE_URL; NODE_EXTRA_CA_CERTS names the certificate of your own authority.'
