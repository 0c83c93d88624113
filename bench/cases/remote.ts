import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Bench, Case } from '../bench.ts'
import { launch } from '../launch.ts'
import { load, type ServerOutcome } from '../load.ts'
import { type Process, startProcess } from '../processes.ts'
import { request } from '../requests.ts'
import { issueTokens, type ResourceTokens } from '../resource-tokens.ts'
import { figures, ratios, references, type Sandwich, sideBySide } from '../rounds.ts'
import type { calls } from '../servers/remote.ts'
import type { Row } from '../table.ts'

const PEERS = join(import.meta.dirname, '../peers')
const SERVER = join(import.meta.dirname, '../servers/remote.ts')
const AUDIENCE = 'https://orders.example.com'
const CONNECTIONS = 50
const LONGEST_MS = 10_000

/** The alternatives, and how many times as fast the guard must be. */
const TARGETS = {
  'fastify-jwt': { name: '@fastify/jwt with its cache', atLeast: 1.3 },
  jose: { name: 'jose each time', atLeast: 4 },
  introspection: { name: 'introspection each time', atLeast: 3 },
}

type Run = () => Promise<ServerOutcome>

export const bench: Case = {
  about:
    'a route of a remote resource server, guarded by status lists and feed, compared with no guard and other guards',
  embedded: false,
  async run(bench) {
    if (!existsSync(join(PEERS, 'node_modules/@fastify/jwt'))) {
      return { rows: [], notes: ['The peers are not installed: npm ci --legacy-peer-deps --prefix bench/peers'] }
    }
    const environment = { ...(await bench.environment()), AUDIENCE }
    const issuer = await launch(environment)
    bench.defer(issuer.stop)
    const tokens = await issueTokens(bench, { ...environment, ISSUER: issuer.url }, AUDIENCE)
    const server = await startProcess<typeof calls>(SERVER, {})
    bench.defer(server.close)
    const url = await server.call('listen', { issuer: issuer.url, audience: AUDIENCE, ...tokens.client })
    const to = runner(bench, server, url, tokens.texts)
    return {
      rows: [...(await compare(bench, to)), await revocation(url, tokens)],
      notes: [
        `${tokens.texts.length.toLocaleString('en')} tokens signed with ES256 in rotation; @fastify/jwt does not check revocation.`,
      ],
    }
  },
}

/** Creates a load on one route that uses the tokens in turn. Without `seconds`, each token is used once. */
function runner({ quick }: Bench, server: Process<typeof calls>, url: string, texts: string[]) {
  return (path: string, seconds?: number): Run => {
    const requests = texts.map(text => request({ path, headers: { authorization: `Bearer ${text}` } }))
    const limited = seconds ?? (quick ? 0.3 : undefined)
    return () =>
      load(server, { url, connections: CONNECTIONS, requests, awake: true, ...(limited && { seconds: limited }) })
  }
}

async function compare({ rounds, seconds, say }: Bench, to: ReturnType<typeof runner>): Promise<Row[]> {
  const guarded = to('/guarded', seconds)
  const open = to('/open', seconds)
  for (const path of ['/guarded', '/open', '/guarded']) await to(path)()
  const { run } = await sideBySide(rounds, open, { run: guarded })
  const rows = guardRows(run)
  for (const [path, { name, atLeast }] of Object.entries(TARGETS)) {
    say(name)
    for (let warm = 0; warm < 2; warm++) await to(`/${path}`)()
    const { run } = await sideBySide(rounds, to(`/${path}`, seconds), { run: guarded })
    rows.push(
      { what: `requests, guarded over ${name}`, values: ratios(run, perSecond), atLeast },
      { what: name, values: references(run, perSecond), unit: '/s' },
    )
  }
  return rows
}

const perSecond = (run: ServerOutcome) => run.perSecond
const p99 = (run: ServerOutcome) => run.p99

function guardRows(run: Sandwich<ServerOutcome>[]): Row[] {
  return [
    { what: 'requests, guarded of unguarded', values: ratios(run, perSecond), atLeast: 0.92 },
    { what: 'p99, guarded over unguarded', values: ratios(run, p99) },
    { what: "server's processor time, over unguarded", values: ratios(run, each => each.cpuPerThousand) },
    { what: 'guarded', values: figures(run, perSecond), unit: '/s' },
    { what: 'unguarded', values: references(run, perSecond), unit: '/s' },
  ]
}

/** Verifies that the fast guard does reject a revoked token. */
async function revocation(url: string, { texts, revokeFirst }: ResourceTokens): Promise<Row> {
  const headers = { authorization: `Bearer ${texts[0]}` }
  await revokeFirst()
  const start = performance.now()
  while ((await fetch(`${url}/guarded`, { headers })).status !== 401) {
    if (performance.now() - start > LONGEST_MS) throw new Error('the guard did not receive the revocation')
    await pause(1)
  }
  return {
    what: 'time until a revoked token is rejected',
    values: [performance.now() - start],
    unit: 'ms',
    atMost: 1_000,
  }
}
