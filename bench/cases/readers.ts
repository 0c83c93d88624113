import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Bench, Case } from '../bench.ts'
import { fillDatabase } from '../fill-database.ts'
import { type Process, startProcess } from '../processes.ts'
import { percentile } from '../rounds.ts'
import type { calls } from '../servers/readers.ts'

const SERVER = join(import.meta.dirname, '../servers/readers.ts')
const ROWS = 1_000_000
const REVOKED = 0.1
const READERS = 20
const CHANGES_PER_SECOND = 10

interface Run {
  p50: number
  p99: number
  max: number
  busy: number
  reads: number
  versions: number
  changes: number
  /** Milliseconds that `/health/live` took, sorted. */
  health: number[]
}

export const bench: Case = {
  about: 'what readers without credentials and a user who changes a token do to a node: the delay of its event loop',
  embedded: false,
  async run(bench) {
    const rows = bench.quick ? 50_000 : ROWS
    const environment = await bench.environment()
    await fillDatabase(bench, environment, rows, REVOKED)
    const server = await startProcess<typeof calls>(SERVER, { ...environment, ISSUER: `${environment.ISSUER}/auth` })
    bench.defer(server.close)
    const url = `${await server.call('listen')}/auth`
    const measure = await prepare(server, url, bench)
    await measure(true)
    const runs: Run[] = []
    const idle: Run[] = []
    for (let round = 0; round < bench.rounds; round++) {
      idle.push(await measure(false))
      runs.push(await measure(true))
    }
    const of = (figure: (run: Run) => number) => runs.map(figure)
    return {
      rows: [
        { what: 'delay of the event loop, p99', values: of(run => run.p99), unit: 'ms', atMost: 20 },
        { what: 'the same without readers and changes', values: idle.map(run => run.p99), unit: 'ms' },
        { what: 'delay of the event loop, median', values: of(run => run.p50), unit: 'ms' },
        { what: 'delay of the event loop, longest', values: of(run => run.max), unit: 'ms' },
        { what: '/health/live, p99', values: of(run => percentile(run.health, 0.99)), unit: 'ms' },
        {
          what: 'the same without readers and changes',
          values: idle.map(run => percentile(run.health, 0.99)),
          unit: 'ms',
        },
        { what: 'lists read', values: of(run => run.reads / bench.seconds), unit: '/s' },
        { what: 'versions of the list that readers saw', values: of(run => run.versions / bench.seconds), unit: '/s' },
        { what: 'changes made', values: of(run => run.changes / bench.seconds), unit: '/s' },
        { what: 'event loop busy', values: of(run => run.busy * 100), unit: '%' },
      ],
      notes: [
        `${rows.toLocaleString('en')} tokens in a list, ${REVOKED * 100} % of them revoked; ${READERS} readers that ask again at once, ` +
          `${CHANGES_PER_SECOND} changes a second. Delays include the 1 ms between two samples.`,
      ],
    }
  },
}

/** @returns measures one run, with readers and changes or without, and asks for the health of the node meanwhile */
async function prepare(
  server: Process<typeof calls>,
  url: string,
  { seconds }: Bench,
): Promise<(loaded: boolean) => Promise<Run>> {
  const { owner, id, list } = await server.call('pair')
  const headers = { authorization: `Bearer ${owner}`, 'content-type': 'application/json' }
  let suspended = false

  async function change(): Promise<void> {
    suspended = !suspended
    const body = JSON.stringify({ suspended })
    const { ok, status } = await fetch(`${url}/api/tokens/${id}`, { method: 'PATCH', headers, body })
    if (!ok) throw new Error(`a change was answered with ${status}`)
  }

  return async loaded => {
    const end = performance.now() + seconds * 1_000
    const versions = new Set<string | null>()
    const health: number[] = []
    let [reads, changes] = [0, 0]
    const repeat = async (work: () => Promise<unknown>) => {
      while (performance.now() < end) await work()
    }
    const read = async () => {
      const answer = await fetch(`${url}/oauth/status-lists/${list}`)
      versions.add(answer.headers.get('etag'))
      await answer.arrayBuffer()
      reads++
    }
    const look = async () => {
      const start = performance.now()
      await (await fetch(`${url}/health/live`)).arrayBuffer()
      health.push(performance.now() - start)
      await pause(10)
    }
    const pending: Promise<unknown>[] = []
    const changeSteadily = async () => {
      pending.push(change().then(() => changes++))
      await pause(1_000 / CHANGES_PER_SECOND)
    }
    const load = () => [...Array.from({ length: READERS }, () => repeat(read)), repeat(changeSteadily)]
    await server.call('usage')
    await server.call('watch')
    await Promise.all([repeat(look), ...(loaded ? load() : [])])
    await Promise.all(pending)
    const { p50, p99, max } = await server.call('delays')
    const { busy } = await server.call('usage')
    health.sort((a, b) => a - b)
    return { p50, p99, max, busy, reads, versions: versions.size, changes, health }
  }
}
