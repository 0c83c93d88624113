import { join } from 'node:path'
import type { Bench, Case } from '../bench.ts'
import { load, type ServerOutcome } from '../load.ts'
import { type Process, startProcess } from '../processes.ts'
import { request } from '../requests.ts'
import { figures, ratios, references, type Sandwich, sideBySide } from '../rounds.ts'
import type { calls } from '../servers/guard.ts'
import type { Row } from '../table.ts'

const SERVER = join(import.meta.dirname, '../servers/guard.ts')
const CONNECTIONS = 50

export const bench: Case = {
  about:
    'a guarded route compared with the same route unguarded, distinct live tokens in rotation, status checked each time',
  embedded: true,
  async run(bench) {
    const environment = await bench.environment()
    const server = await startProcess<typeof calls>(SERVER, environment)
    bench.defer(server.close)
    const run = await runner(bench, server)
    const jwt = await run('jwt')
    const opaque = await run('opaque')
    const points = {
      'signature checked each time': jwt('/signature-each-time'),
      ...(environment.DATABASE_URL && { 'prepared SELECT each time': jwt('/select-each-time') }),
    }
    const [{ guarded }, opaquely, compared] = [
      await sideBySide(bench.rounds, jwt('/open'), { guarded: jwt('/guarded') }),
      await sideBySide(bench.rounds, opaque('/open'), { guarded: opaque('/guarded') }),
      await sideBySide<ServerOutcome, string>(bench.rounds, jwt('/open'), points),
    ]
    return { rows: [...guardRows('JWT', guarded), ...guardRows('opaque', opaquely.guarded), ...pointRows(compared)] }
  },
}

const perSecond = (run: ServerOutcome) => run.perSecond
const p99 = (run: ServerOutcome) => run.p99

function guardRows(format: string, rounds: Sandwich<ServerOutcome>[]): Row[] {
  return [
    { what: `${format}: requests, guarded of unguarded`, values: ratios(rounds, perSecond), atLeast: 0.9 },
    { what: `${format}: p99, guarded over unguarded`, values: ratios(rounds, p99), atMost: 2 },
    { what: `${format}: server's processor time, over unguarded`, values: ratios(rounds, run => run.cpuPerThousand) },
    { what: `${format}: guarded`, values: figures(rounds, perSecond), unit: '/s' },
    { what: `${format}: unguarded`, values: references(rounds, perSecond), unit: '/s' },
    { what: `${format}: p99 unguarded`, values: references(rounds, p99), unit: 'ms' },
    { what: `${format}: event loop busy, guarded`, values: figures(rounds, run => run.server.busy) },
    { what: `${format}: event loop busy, unguarded`, values: references(rounds, run => run.server.busy) },
  ]
}

function pointRows(points: Record<string, Sandwich<ServerOutcome>[]>): Row[] {
  return Object.entries(points).map(([what, rounds]) => ({
    what: `for comparison, ${what}: of unguarded`,
    values: ratios(rounds, perSecond),
  }))
}

async function runner({ quick, seconds }: Bench, server: Process<typeof calls>) {
  const url = await server.call('listen')
  return async (format: 'jwt' | 'opaque') => {
    const texts = await server.call('issue', { count: quick ? 200 : 10_000, scopes: ['orders:read'], format })
    const to = (path: string, seconds?: number) => {
      const requests = texts.map(text => request({ path, headers: { authorization: `Bearer ${text}` } }))
      return () => load(server, { url, connections: CONNECTIONS, requests, awake: true, ...(seconds && { seconds }) })
    }
    // Warm-up: every token has been verified once, and the code is compiled.
    for (const path of ['/guarded', '/open', '/guarded']) await to(path)()
    return (path: string) => to(path, seconds)
  }
}
