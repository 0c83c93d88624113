import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Bench, Case } from '../bench.ts'
import { launch } from '../launch.ts'
import { load, type ServerOutcome } from '../load.ts'
import { openNginx } from '../nginx.ts'
import { type Process, startProcess } from '../processes.ts'
import { request } from '../requests.ts'
import { issueTokens } from '../resource-tokens.ts'
import { figures, ratios, references, type Sandwich, sideBySide } from '../rounds.ts'
import type { calls } from '../servers/sidecar.ts'
import type { Row } from '../table.ts'

const SERVER = join(import.meta.dirname, '../servers/sidecar.ts')
const NGINX = process.env.NGINX_PATH ?? '/usr/sbin/nginx'
const AUDIENCE = 'https://orders.example.com'
const CONNECTIONS = 50
const CHECK = '/check?scopes=orders:read'

type Run = () => Promise<ServerOutcome>

export const bench: Case = {
  about:
    'the check of the sidecar compared with a bare Fastify route, and behind nginx with a service that always accepts',
  embedded: false,
  async run(bench) {
    const environment = { ...(await bench.environment()), AUDIENCE }
    const issuer = await launch(environment)
    bench.defer(issuer.stop)
    const { texts, client } = await issueTokens(bench, { ...environment, ISSUER: issuer.url }, AUDIENCE)
    const server = await startProcess<typeof calls>(SERVER, {})
    bench.defer(server.close)
    const urls = await server.call('listen', { issuer: issuer.url, audience: AUDIENCE, ...client })
    const to = runner(bench, server, texts)
    const rows = await compare(bench, to(urls.fastify, '/open'), to(urls.sidecar, CHECK), DIRECT)
    if (!existsSync(NGINX)) return { rows, notes: [`nginx is not at ${NGINX} (NGINX_PATH).`] }
    const proxy = await openNginx(bench, NGINX, { checked: `${urls.sidecar}${CHECK}`, accepted: `${urls.yes}/` })
    rows.push(...(await compare(bench, to(proxy, '/accepted'), to(proxy, '/checked'), BEHIND_NGINX)))
    return { rows, notes: [`${texts.length.toLocaleString('en')} tokens signed with ES256 in rotation.`] }
  },
}

interface Comparison {
  measured: string
  reference: string
  atLeast: number
  /** Of the 99th percentile. */
  atMost?: number
}

const DIRECT = { measured: 'check', reference: 'bare Fastify route', atLeast: 0.75, atMost: 2 }
const BEHIND_NGINX = { measured: 'behind nginx, check', reference: 'behind nginx, always accepted', atLeast: 0.8 }

/** Creates a load on one path that uses the tokens in turn. Without `seconds`, each token is used once. */
function runner({ quick }: Bench, server: Process<typeof calls>, texts: string[]) {
  return (url: string, path: string) => {
    const requests = texts.map(text => request({ path, headers: { authorization: `Bearer ${text}` } }))
    return (seconds = quick ? 0.3 : undefined): Run =>
      () =>
        load(server, { url, connections: CONNECTIONS, requests, awake: true, ...(seconds && { seconds }) })
  }
}

type Runner = ReturnType<ReturnType<typeof runner>>

async function compare(
  { rounds, seconds }: Bench,
  reference: Runner,
  measured: Runner,
  comparison: Comparison,
): Promise<Row[]> {
  for (const warm of [measured, reference, measured]) await warm()()
  // More and shorter rounds than usual: other load on the machine then affects both alike.
  const short = seconds / 2
  const { run } = await sideBySide(rounds * 3, reference(short), { run: measured(short) })
  return rowsOf(run, comparison)
}

const perSecond = (run: ServerOutcome) => run.perSecond
const p99 = (run: ServerOutcome) => run.p99

function rowsOf(rounds: Sandwich<ServerOutcome>[], { measured, reference, atLeast, atMost }: Comparison): Row[] {
  return [
    { what: `requests, ${measured} of ${reference}`, values: ratios(rounds, perSecond), atLeast },
    { what: `p99, ${measured} over ${reference}`, values: ratios(rounds, p99), ...(atMost && { atMost }) },
    { what: `processor time, ${measured} over ${reference}`, values: ratios(rounds, run => run.cpuPerThousand) },
    { what: measured, values: figures(rounds, perSecond), unit: '/s' },
    { what: reference, values: references(rounds, perSecond), unit: '/s' },
    { what: `p99, ${measured}`, values: figures(rounds, p99), unit: 'ms' },
  ]
}
