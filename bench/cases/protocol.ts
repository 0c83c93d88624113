import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Bench, Case } from '../bench.ts'
import { CLIENT } from '../client.ts'
import { type Load, load, type ServerOutcome } from '../load.ts'
import { type Process, startProcess, type Usage } from '../processes.ts'
import { request } from '../requests.ts'
import { figures, ratios, references, sideBySide } from '../rounds.ts'
import type { Row } from '../table.ts'

const PEERS = join(import.meta.dirname, '../peers')
const CONNECTIONS = 32
/** Tokens that are introspected in rotation. */
const TOKENS = 1_000

type Format = 'jwt' | 'opaque'
interface Credentials {
  id: string
  secret: string
}
interface Paths extends Record<Format, Record<string, string>> {
  token: string
  introspect: string
  client?: Credentials
  opaqueClient?: Credentials
}
type Calls = { listen: () => string; paths: () => Paths; usage: () => Usage }

interface Server {
  process: Process<Calls>
  url: string
  paths: Paths
}

/** The peers, and the minimum ratio to each. The format is the one that the peer introspects. */
const TARGETS: Record<string, { issuing: number; introspection?: number; format: Format }> = {
  'oidc-provider': { issuing: 1.5, introspection: 2.5, format: 'opaque' },
  jmondi: { issuing: 1.2, introspection: 2, format: 'jwt' },
  'better-auth': { issuing: 20, format: 'jwt' },
}

export const bench: Case = {
  about:
    'the token endpoint and introspection compared with peers; ours stores in PostgreSQL, oidc-provider and jmondi in memory',
  embedded: false,
  async run(bench) {
    if (!existsSync(join(PEERS, 'node_modules'))) {
      return { rows: [], notes: ['The peers are not installed: npm ci --legacy-peer-deps --prefix bench/peers'] }
    }
    const ours = await open(bench, join(import.meta.dirname, '../servers/oauth.ts'))
    const rows: Row[] = []
    for (const [peer, target] of Object.entries(TARGETS)) {
      bench.say(peer)
      const theirs = await open(bench, join(PEERS, `${peer}.js`))
      rows.push(...(await issuing(bench, peer, theirs, ours, target.issuing)))
      if (target.introspection)
        rows.push(...(await introspecting(bench, peer, theirs, ours, target as Required<typeof target>)))
      await theirs.process.close()
    }
    return { rows }
  },
}

async function open({ environment, defer }: Bench, file: string): Promise<Server> {
  const process = await startProcess<Calls>(file, await environment())
  defer(process.close)
  return { process, url: await process.call('listen'), paths: await process.call('paths') }
}

const basic = ({ id, secret }: Credentials) => `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`
const credentials = ({ paths }: Server, format: Format) =>
  (format === 'opaque' && paths.opaqueClient) || paths.client || CLIENT

function post(server: Server, path: string, fields: Record<string, string>, format: Format): Buffer {
  const authorization = basic(credentials(server, format))
  const headers = { 'content-type': 'application/x-www-form-urlencoded', authorization }
  return request({ method: 'POST', path, headers, body: new URLSearchParams(fields).toString() })
}

const grant = ({ paths }: Server, format: Format) => ({
  grant_type: 'client_credentials',
  scope: CLIENT.scope,
  ...paths[format],
})

const loading = (server: Server, options: Pick<Load, 'seconds' | 'requests' | 'awake'>) => () =>
  load(server.process, { url: server.url, connections: CONNECTIONS, ...options })

async function issuing(bench: Bench, peer: string, theirs: Server, ours: Server, atLeast: number): Promise<Row[]> {
  const run = (server: Server) =>
    loading(server, {
      seconds: bench.seconds,
      requests: [post(server, server.paths.token, grant(server, 'jwt'), 'jwt')],
    })
  return compare(bench, `client_credentials, compared with ${peer}`, run(theirs), run(ours), atLeast)
}

interface Target {
  introspection: number
  format: Format
}

async function introspecting(bench: Bench, peer: string, theirs: Server, ours: Server, target: Target): Promise<Row[]> {
  const run = async (server: Server, format: Format) => {
    const texts = await issue(server, format, bench.quick ? 20 : TOKENS)
    const requests = texts.map(token => post(server, server.paths.introspect, { token }, format))
    // Both servers answer from memory.
    return loading(server, { seconds: bench.seconds, requests, awake: true })
  }
  const reference = await run(theirs, target.format)
  const rows: Row[] = []
  for (const format of ['jwt', 'opaque'] as const) {
    const what = `introspection (${format}), compared with ${peer} (${target.format})`
    rows.push(...(await compare(bench, what, reference, await run(ours, format), target.introspection)))
  }
  return rows
}

async function issue(server: Server, format: Format, count: number): Promise<string[]> {
  const body = new URLSearchParams(grant(server, format))
  const headers = { authorization: basic(credentials(server, format)) }
  const texts: string[] = []
  while (texts.length < count) {
    const response = await fetch(`${server.url}${server.paths.token}`, { method: 'POST', headers, body })
    texts.push(((await response.json()) as { access_token: string }).access_token)
  }
  return texts
}

type Run = () => Promise<ServerOutcome>

async function compare(bench: Bench, what: string, theirs: Run, ours: Run, atLeast: number): Promise<Row[]> {
  await theirs()
  await ours()
  const { run } = await sideBySide(bench.rounds, theirs, { run: ours })
  return [
    { what: `${what}: requests`, values: ratios(run, each => each.perSecond), atLeast },
    { what: `${what}: p99`, values: ratios(run, each => each.p99), atMost: 1 },
    { what: `${what}: ours`, values: figures(run, each => each.perSecond), unit: '/s' },
    { what: `${what}: theirs`, values: references(run, each => each.perSecond), unit: '/s' },
  ]
}
