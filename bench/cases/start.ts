import { existsSync } from 'node:fs'
import { PREBUILT } from '../../src/database/embedded/prebuilt.ts'
import type { Bench, Case } from '../bench.ts'
import { freePort, type Launched, launch } from '../launch.ts'
import { flood } from '../load.ts'
import { request } from '../requests.ts'
import type { Row } from '../table.ts'

const CONNECTIONS = 20
/** As on the first start after the installation: the compile cache is empty. */
const COLD = { NODE_DISABLE_COMPILE_CACHE: '1' }

export const bench: Case = {
  about: 'time from the start of the process to the first response, and memory after a load',
  embedded: true,
  async run(bench) {
    return {
      rows: [
        ...(await starts(bench, 'embedded', () => bench.environment({ embedded: true }))),
        ...(await afterLoad(bench, 'embedded', await bench.environment({ embedded: true }))),
        ...(bench.embedded ? [] : await starts(bench, 'PostgreSQL', () => bench.environment())),
        ...(bench.embedded ? [] : await afterLoad(bench, 'PostgreSQL', await bench.environment(), 150)),
      ],
      notes: [
        `First starts compile all code; ${existsSync(PREBUILT) ? 'they load the prebuilt empty database' : 'there is no prebuilt database'}.`,
        'The load: a thousand tokens read /api/user; every tenth request issues a token.',
      ],
    }
  },
}

async function starts({ rounds }: Bench, database: string, environment: () => Promise<NodeJS.ProcessEnv>) {
  const first: number[] = []
  const later: number[] = []
  for (let round = 0; round < rounds; round++) {
    const env = await environment()
    const port = await freePort()
    first.push(await startOnce({ ...env, ...COLD }, port))
    // Not counted, since this start may still write to the compile cache.
    await startOnce(env, port)
    later.push(await startOnce(env, port))
  }
  return [
    { what: `${database}: first start`, values: first, unit: 's', atMost: 3 },
    { what: `${database}: later start`, values: later, unit: 's', atMost: 1 },
  ]
}

async function startOnce(env: NodeJS.ProcessEnv, port: number): Promise<number> {
  const server = await launch(env, port)
  await server.stop()
  return server.took / 1000
}

async function afterLoad(bench: Bench, database: string, env: NodeJS.ProcessEnv, atMost?: number): Promise<Row[]> {
  const server = await launch(env)
  bench.defer(server.stop)
  const idle = await server.memory()
  const requests = await mixed(server, bench.quick ? 20 : 1_000)
  const seconds = bench.quick ? bench.seconds : 60
  const { perSecond } = await flood({ url: server.url, seconds, connections: CONNECTIONS, requests })
  const { now, peak } = await server.memory()
  const mib = (bytes: number) => [bytes / 2 ** 20]
  return [
    {
      what: `${database}: resident after ${seconds} s of load`,
      values: mib(now),
      unit: 'MiB',
      ...(atMost && { atMost }),
    },
    { what: `${database}: resident at most`, values: mib(peak), unit: 'MiB' },
    { what: `${database}: resident after the start`, values: mib(idle.now), unit: 'MiB' },
    { what: `${database}: responses under that load`, values: [perSecond], unit: '/s' },
  ]
}

/** Requests with `count` tokens, which are issued by the administrator that the first start creates. */
async function mixed(server: Launched, count: number): Promise<Buffer[]> {
  const [, email, password] = await server.printed(/e-mail\s+(\S+)\s+password\s+(\S+)/)
  const scopes = ['user:read', 'tokens:write']
  const issue = async (body: object, headers = {}) => {
    const init = {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    }
    return ((await (await fetch(`${server.url}/api/tokens`, init)).json()) as { token: string }).token
  }
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
  const own = bearer(await issue({ email, password, device_name: 'bench', scopes }))
  const tokens: string[] = []
  while (tokens.length < count) tokens.push(await issue({ name: 'bench', scopes }, own))
  return tokens.map((token, i) =>
    i % 10 === 0
      ? request({ method: 'POST', path: '/api/tokens', headers: bearer(token), body: { name: 'bench' } })
      : request({ path: '/api/user', headers: bearer(token) }),
  )
}
