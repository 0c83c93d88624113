import { join } from 'node:path'
import type { Bench, Case } from '../bench.ts'
import { type Process, startProcess } from '../processes.ts'
import { figures, ratios, references, sideBySide } from '../rounds.ts'
import type { calls, Times } from '../servers/scale.ts'
import type { Row } from '../table.ts'

const SERVER = join(import.meta.dirname, '../servers/scale.ts')
const REAL = { small: 10_000, middle: 1_000_000, large: 5_000_000, batch: 10_000 }
const QUICK = { small: 1_000, middle: 5_000, large: 20_000, batch: 50 }
const CONCURRENCY = 4
const PER_SECOND = 200

type Server = Process<typeof calls>

export const bench: Case = {
  about: 'verification with cache misses, and pruning, for several table sizes',
  embedded: false,
  async run(bench) {
    const sizes = bench.quick ? QUICK : REAL
    const small = await filled(bench, sizes.small)
    const middle = await filled(bench, sizes.middle)
    const large = await filled(bench, sizes.large)
    return {
      rows: [
        ...(await checks(bench, 'id', small.server, large.server)),
        ...(await checks(bench, 'text', small.server, large.server)),
        ...(await batches(bench, middle.server, large.server, sizes.batch)),
        ...(await meanwhile(bench, large.server, await opened(bench, large.environment), sizes.batch)),
      ],
      notes: [
        `${Object.values(sizes).slice(0, 3).map(count).join(', ')} rows; a batch is ${count(sizes.batch)} rows, ` +
          'of a prune of three rows in four.',
        `The p99 during pruning is that of ${PER_SECOND} checks per second, each of which queries the database.`,
      ],
    }
  },
}

const count = (rows: number) => rows.toLocaleString('en')
const middle = (times: Times) => times.median
const p99 = (times: Times) => times.p99

async function opened(bench: Bench, environment: NodeJS.ProcessEnv): Promise<Server> {
  const server = await startProcess<typeof calls>(SERVER, environment)
  bench.defer(server.close)
  return server
}

async function filled(bench: Bench, rows: number) {
  const environment = await bench.environment()
  const server = await opened(bench, environment)
  bench.say(`filling a table with ${count(rows)} rows`)
  await server.call('fill', rows)
  await server.call('sample', rows)
  return { server, environment }
}

async function checks({ rounds, seconds }: Bench, by: 'id' | 'text', small: Server, large: Server): Promise<Row[]> {
  const on = (server: Server) => () => server.call('check', { by, seconds, concurrency: CONCURRENCY })
  for (const server of [small, large]) await on(server)()
  const { compared } = await sideBySide(rounds, on(small), { compared: on(large) })
  return [
    { what: `check by ${by}, largest over smallest: median`, values: ratios(compared, middle), atMost: 1.2 },
    { what: `check by ${by}, largest over smallest: p99`, values: ratios(compared, p99) },
    { what: `check by ${by}, largest: median`, values: figures(compared, middle), unit: 'ms' },
    { what: `check by ${by}, smallest: median`, values: references(compared, middle), unit: 'ms' },
  ]
}

async function batches({ rounds }: Bench, middle: Server, large: Server, rows: number): Promise<Row[]> {
  const on = (server: Server) => () => server.call('pruneBatch', rows)
  for (const server of [middle, large]) await on(server)()
  const { compared } = await sideBySide(rounds, on(middle), { compared: on(large) })
  const took = (ms: number) => ms
  return [
    { what: 'prune batch, largest over middle', values: ratios(compared, took), atMost: 1.6 },
    { what: 'prune batch, largest', values: figures(compared, took), unit: 'ms' },
    { what: 'prune batch, middle', values: references(compared, took), unit: 'ms' },
  ]
}

async function meanwhile({ rounds, ...bench }: Bench, large: Server, pruner: Server, rows: number): Promise<Row[]> {
  // Short enough that rows to prune remain in every round.
  const seconds = Math.min(2, bench.seconds)
  const alone = () => large.call('check', { by: 'id', seconds, perSecond: PER_SECOND })
  const duringPruning = async () => {
    const [times] = await Promise.all([alone(), pruner.call('pruneFor', { seconds, rows })])
    return times
  }
  await alone()
  const { compared } = await sideBySide(rounds, alone, { compared: duringPruning })
  return [
    { what: 'check during pruning over check alone: p99', values: ratios(compared, p99), atMost: 2 },
    { what: 'check during pruning: p99', values: figures(compared, p99), unit: 'ms' },
    { what: 'check alone: p99', values: references(compared, p99), unit: 'ms' },
  ]
}
