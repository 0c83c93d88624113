import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { loadConfig } from '../../src/config/config.ts'
import { createServices, type Services } from '../../src/services.ts'
import { createDatabase } from '../databases.ts'
import { type Process, startProcess } from '../processes.ts'
import type { calls as balancerCalls } from './balancer.ts'
import { type Cluster, ownCluster } from './cluster.ts'
import { createNode, type Node } from './nodes.ts'
import { freePort } from './ports.ts'
import type { calls as resourceCalls } from './resource.ts'
import { rigToken } from './token.ts'
import type { RigToken } from './verifier.ts'

export const AUDIENCE = 'https://orders.example.com'
/** Of `/metrics`. */
export const METRICS_TOKEN = randomBytes(32).toString('hex')
/** As nodes: otherwise V8 enlarges the young generation whenever the machine is busy, and the memory says nothing. */
const GUARD = { NODE_OPTIONS: '--max-semi-space-size=8' }
const NODES = 3
const GUARDS = 3

export interface Guard {
  name: string
  url: string
  process: Process<typeof resourceCalls>
}

/** Three nodes and three resource servers on one PostgreSQL. */
export interface World {
  cluster: Cluster | undefined
  databaseUrl: string
  /** The settings of the nodes. */
  environment: NodeJS.ProcessEnv
  nodes: Node[]
  balancer: Process<typeof balancerCalls>
  guards: Guard[]
  services: Services
  /** The `Authorization` header of a client that follows the feed. */
  authorization: string
  issue(count: number): Promise<RigToken[]>
}

export interface WorldOptions {
  /** Seconds for which a status list may be cached. */
  ttl: number
  /** URL of a PostgreSQL to use; undefined: starts a temporary one, if PostgreSQL is installed. */
  server?: string | undefined
  /** A migrated database to use instead. */
  database?: { databaseUrl: string; listenUrl?: string }
  /** `DATABASE_URL` of the last node, if it is not that of the others. */
  lastNodeUrl?: string | undefined
  /** Tokens that nodes and guards keep in memory; default: theirs. */
  cachedTokens?: number
  /** The first resource server does not follow the feed. */
  broken: boolean
  defer: (work: () => unknown) => void
}

export async function createWorld(options: WorldOptions): Promise<World> {
  const { ttl, broken, defer, lastNodeUrl, cachedTokens } = options
  const { cluster, databaseUrl, listenUrl } = await databaseFor(options)
  const port = await freePort()
  const issuer = `http://127.0.0.1:${port}`
  const environment = {
    APP_KEY: randomBytes(32).toString('base64'),
    ISSUER: issuer,
    AUDIENCE,
    DATABASE_URL: databaseUrl,
    ...(listenUrl && { DATABASE_LISTEN_URL: listenUrl }),
    METRICS_TOKEN,
    FEED_STREAMS_PER_CLIENT: '1000',
    ...(cachedTokens && { CACHED_TOKENS: String(cachedTokens) }),
    STATUS_LIST_TTL: `PT${ttl}S`,
  }
  const services = await createServices({ config: loadConfig({ ...environment, LOG_LEVEL: 'silent' }) })
  defer(() => services.close())
  await services.ensure()
  const last = lastNodeUrl ? { ...environment, DATABASE_URL: lastNodeUrl } : environment
  const nodes = await Promise.all(
    Array.from({ length: NODES }, (_, i) => createNode(i === NODES - 1 ? last : environment)),
  )
  for (const node of nodes) defer(() => node.end('SIGKILL'))
  await Promise.all(nodes.map(node => node.start()))
  const balancer = await startProcess<typeof balancerCalls>(join(import.meta.dirname, 'balancer.ts'), {})
  defer(() => balancer.close())
  await balancer.call('listen', { port, targets: nodes.map(node => node.port) })
  const { client, secret } = await services.clients.create({ name: 'Orders API', audience: AUDIENCE })
  const guards = await Promise.all(
    Array.from({ length: GUARDS }, async (_, i) => {
      const process = await startProcess<typeof resourceCalls>(join(import.meta.dirname, 'resource.ts'), GUARD)
      defer(() => process.close())
      const withoutFeed = broken && i === 0
      const credentials = withoutFeed ? {} : { clientId: client.id, clientSecret: secret as string }
      const url = await process.call('listen', {
        issuer,
        audience: AUDIENCE,
        ...credentials,
        ...(cachedTokens && { cacheSize: cachedTokens }),
      })
      return { name: `resource server ${i + 1}`, url, process }
    }),
  )
  const authorization = `Basic ${Buffer.from(`${client.id}:${secret}`).toString('base64')}`
  return {
    cluster,
    databaseUrl,
    environment,
    nodes,
    balancer,
    guards,
    services,
    authorization,
    issue: issuing(services),
  }
}

/** An empty database, which ends with the rig. */
async function databaseFor({
  server,
  database: given,
  defer,
}: WorldOptions): Promise<{ cluster?: Cluster | undefined; databaseUrl: string; listenUrl?: string }> {
  if (given) return given
  const cluster = server ? undefined : await ownCluster()
  if (cluster) defer(() => cluster.remove())
  const serverUrl = server ?? cluster?.url
  if (!serverUrl) throw new Error('PostgreSQL is not installed: set a server with --server')
  const database = await createDatabase(serverUrl)
  if (!cluster) defer(database.drop)
  return { cluster, databaseUrl: database.url }
}

function issuing(services: Services): World['issue'] {
  let people = 0
  return async count => {
    const email = `rig${++people}@example.com`
    const user = await services.users.create({
      email,
      name: 'Rig',
      password: randomBytes(12).toString('hex'),
      role: 'user',
    })
    const tokens: RigToken[] = []
    for (let i = 0; i < count; i++) {
      const { plainText } = await services.tokens.issuePersonal({ user, name: 'rig', scopes: ['orders:read'] })
      tokens.push(rigToken(plainText))
    }
    return tokens
  }
}
