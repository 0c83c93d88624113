import { join } from 'node:path'
import type { Case } from '../bench.ts'
import { load, type ServerOutcome } from '../load.ts'
import { type Process, startProcess } from '../processes.ts'
import { request } from '../requests.ts'
import { figures, ratios, references, sideBySide } from '../rounds.ts'
import type { calls } from '../servers/issue.ts'

const SERVER = join(import.meta.dirname, '../servers/issue.ts')
const CONCURRENCY = 32

type Run = Pick<ServerOutcome, 'perSecond' | 'p99'> & Partial<ServerOutcome>

export const bench: Case = {
  about: `POST /api/tokens with a bearer compared with bare single-row inserts by pg, ${CONCURRENCY} concurrent, both until the commit`,
  embedded: false,
  async run({ environment, defer, quick, rounds, seconds }) {
    const server = await startProcess<typeof calls>(SERVER, await environment())
    defer(server.close)
    const issue = await issuing(server, seconds, quick ? 10 : 100)
    const insert = (prepared: boolean) => (): Promise<Run> =>
      server.call('insertBare', { seconds, concurrency: CONCURRENCY, prepared })
    for (let warm = 0; warm < (quick ? 1 : 3); warm++) await issue()
    await insert(false)()
    const { issued } = await sideBySide<Run, 'issued'>(rounds, insert(false), { issued: issue })
    const { stricter } = await sideBySide<Run, 'stricter'>(rounds, insert(true), { stricter: issue })
    return {
      rows: [
        { what: 'issues of bare inserts', values: ratios(issued, perSecond), atLeast: 1 },
        { what: 'for comparison, of prepared bare inserts', values: ratios(stricter, perSecond) },
        { what: 'issues', values: figures(issued, perSecond), unit: '/s' },
        { what: 'bare inserts', values: references(issued, perSecond), unit: '/s' },
        { what: 'prepared bare inserts', values: references(stricter, perSecond), unit: '/s' },
        { what: 'p99 of an issue', values: figures(issued, p99), unit: 'ms' },
        { what: 'p99 of a bare insert', values: references(issued, p99), unit: 'ms' },
        { what: 'event loop busy, issuing', values: figures(issued, run => run.server!.busy) },
        {
          what: "server's processor time for an issue",
          values: figures(issued, run => run.cpuPerThousand! * 1000),
          unit: 'µs',
        },
      ],
    }
  },
}

const perSecond = (run: Run) => run.perSecond
const p99 = (run: Run) => run.p99

async function issuing(
  server: Process<typeof calls>,
  seconds: number,
  people: number,
): Promise<() => Promise<ServerOutcome>> {
  const url = await server.call('listen')
  const texts = await server.call('issue', { count: people, scopes: ['orders:read', 'tokens:write'] })
  const requests = texts.map((text, i) => {
    const headers = { authorization: `Bearer ${text}` }
    return request({ method: 'POST', path: '/auth/api/tokens', headers, body: { name: `deploy ${i}` } })
  })
  return async () => {
    const before = await server.call('count')
    const outcome = await load(server, { url, seconds, connections: CONCURRENCY, requests })
    const rows = (await server.call('count')) - before
    if (rows !== outcome.requests) throw new Error(`${outcome.requests} tokens were issued, but there are ${rows} rows`)
    return outcome
  }
}
