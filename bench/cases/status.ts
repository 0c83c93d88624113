import { join } from 'node:path'
import { v7 as uuid } from 'uuid'
import { accessTokenClaims } from '../../packages/guard/src/claims.ts'
import { loadConfig } from '../../src/config/config.ts'
import { createServices, type Services } from '../../src/services.ts'
import type { Bench, Case } from '../bench.ts'
import { fillDatabase } from '../fill-database.ts'
import { freePort, launch } from '../launch.ts'
import { startProcess } from '../processes.ts'
import { issuingBesideRevocations } from '../revoking.ts'
import type { calls } from '../servers/status.ts'
import type { Row } from '../table.ts'

const SERVER = join(import.meta.dirname, '../servers/status.ts')
const AUDIENCE = 'https://orders.example.com'
const ROWS = 10_000_000
const REVOKED = 0.001
const MB = 1e6

export const bench: Case = {
  about: 'cost of the statuses of many tokens (memory, bytes, time), and the effect of revocations on issuing',
  embedded: false,
  async run(bench) {
    const issuing = await issuingBesideRevocations(bench)
    const rows = bench.quick ? 50_000 : ROWS
    const environment = { ...(await bench.environment()), AUDIENCE }
    await fillDatabase(bench, environment, rows, REVOKED)
    return {
      rows: [...(await lists(bench, environment)), ...issuing],
      notes: [`${rows.toLocaleString('en')} live tokens, ${REVOKED * 100} % of them revoked; MB and kB are decimal.`],
    }
  },
}

async function lists(bench: Bench, environment: NodeJS.ProcessEnv): Promise<Row[]> {
  // The issuer's, which a database keeps.
  const port = await freePort()
  const starts: number[] = []
  for (let round = 0; round < bench.rounds; round++) {
    const node = await launch(environment, port)
    starts.push(await firstList(node.url, node.took).finally(node.stop))
  }
  const node = await launch(environment, port)
  bench.defer(node.stop)
  const nodeEnvironment = { ...environment, ISSUER: node.url }
  const services = await createServices({ config: loadConfig(nodeEnvironment) })
  bench.defer(() => services.close())
  const uris = await urisOf(node.url)
  const texts = await fetched(uris)
  const memory = await startProcess<typeof calls>(SERVER, nodeEnvironment)
  bench.defer(memory.close)
  return [
    { what: 'memory in a node', values: [(await memory.call('node')) / MB], unit: 'MB', atMost: 4 },
    {
      what: 'memory in a resource server',
      values: [(await guarded(services, uris, memory)) / MB],
      unit: 'MB',
      atMost: 4,
    },
    { what: 'all lists on the wire', values: [Buffer.byteLength(texts.join('')) / 1e3], unit: 'kB', atMost: 80 },
    { what: 'a list after a revocation', values: await rebuilt(bench, services, uris), unit: 'ms', atMost: 100 },
    { what: 'a node: from its start to a list', values: starts, unit: 's', atMost: 5 },
  ]
}

const urisOf = async (url: string) =>
  ((await (await fetch(`${url}/oauth/status-lists`)).json()) as { status_lists: string[] }).status_lists

const fetched = (uris: string[]) => Promise.all(uris.map(async uri => (await fetch(uri)).text()))

/** Seconds from the start of a process to its first list; the process loads all lists before it serves one. */
async function firstList(url: string, took: number): Promise<number> {
  const start = performance.now()
  await fetched((await urisOf(url)).slice(0, 1))
  return (took + performance.now() - start) / 1_000
}

/** Memory in bytes of a resource server that has verified a token of each list. */
async function guarded(
  services: Services,
  uris: string[],
  memory: Awaited<ReturnType<typeof startProcess<typeof calls>>>,
) {
  const { client, secret } = await services.clients.create({ name: 'Orders API', audience: AUDIENCE })
  const { issuer, audience } = services.config
  const now = Date.now()
  const texts = uris.map(uri => {
    const what = { issuer, audience, id: uuid(), user: null, client: client.id, scopes: ['orders:read'] }
    const when = { issuedAt: new Date(now), expiresAt: new Date(now + 3_600_000) }
    return services.keys.sign(
      accessTokenClaims({ ...what, ...when, list: Number(uri.split('/').at(-1)), index: 0 }),
      'at+jwt',
    )
  })
  const options = { issuer, audience, clientId: client.id, clientSecret: secret as string }
  return memory.call('guard', { ...options, texts: await Promise.all(texts) })
}

/** Milliseconds to request a list right after a revocation has changed it: it is compressed and signed again. */
async function rebuilt({ quick }: Bench, services: Services, uris: string[]): Promise<number[]> {
  const times: number[] = []
  for (const uri of uris.slice(0, quick ? 1 : undefined)) {
    const list = Number(uri.split('/').at(-1))
    const [before] = await fetched([uri])
    const [token] = await services.db.query<{ id: string; user: string }>(LIVE, [list])
    // The newest list may not have a token yet.
    if (!token) continue
    await services.tokens.revoke(token.user, token.id)
    const start = performance.now()
    const [after] = await fetched([uri])
    times.push(performance.now() - start)
    if (after === before) throw new Error('a list did not change with a revocation')
  }
  return times
}

const LIVE = `select id, user_id as user from oauth_access_tokens where status_list = ? and not revoked limit 1`
