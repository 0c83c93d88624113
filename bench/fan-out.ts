import { deflateSync } from 'node:zlib'
import { Command, InvalidArgumentError } from 'commander'
import { percentile } from './rounds.ts'
import { type Row, table } from './table.ts'

/**
 * Measured by `npm run bench -- feed` with 10,000 readers on two cores that readers, node and PostgreSQL share: a pass over all
 * readers took 150 ms of a core, and each reader 17.7 kB.
 */
const WRITE_MS = 0.015
const READER_KB = 17.7
const CHANGES_PER_SECOND = 100
const SIMULATED_MS = 10_000
/** Seconds that guards and caches may use a list: `STATUS_LIST_TTL`. */
const TTL = 15
const LIST_SIZE = 2 ** 20

const wholeNumber = (text: string) => {
  if (/^\d{1,9}$/.test(text) && Number(text) > 0) return Number(text)
  throw new InvalidArgumentError('It must be a whole number above 0.')
}

new Command('fan-out')
  .description(
    'Computes how many nodes tell many resource servers of revocations, and what lists behind a CDN cost instead.',
  )
  .argument('[readers]', 'number of resource servers', wholeNumber, 1_000_000)
  .action(run)
  .parse()

function run(readers: number): void {
  const rows = [1_000, 2_500, 5_000, 10_000].flatMap((perNode): Row[] => {
    const delays = simulate(perNode)
    const name = `${perNode.toLocaleString('en')} readers a node`
    return [
      { what: `${name}: nodes`, values: [Math.ceil(readers / perNode)], unit: '' },
      { what: `${name}: a revocation arrives, p50`, values: [percentile(delays, 0.5)], unit: 'ms' },
      { what: `${name}: a revocation arrives, p99`, values: [percentile(delays, 0.99)], unit: 'ms' },
      { what: `${name}: memory of the readers`, values: [(perNode * READER_KB) / 1_000], unit: 'MB' },
    ]
  })
  for (const revoked of [0.01, 0.1]) {
    const kilobytes = listBytes(revoked) / 1_000
    const what = `lists with ${revoked * 100} % revoked behind a CDN`
    rows.push(
      { what: `${what}: size of a list`, values: [kilobytes], unit: 'kB' },
      { what: `${what}: requests to the CDN for each list`, values: [readers / TTL], unit: '/s' },
      {
        what: `${what}: traffic of the CDN for each list`,
        values: [(readers / TTL) * (kilobytes / 1e6)],
        unit: 'GB/s',
      },
    )
  }
  process.stdout.write(`${table(rows, false)}\n`)
}

/**
 * Passes over the readers as `src/status/broadcast.ts` makes them: each reader gets what is known at its turn, and the next pass
 * begins when there is something new. @returns sorted milliseconds from each change to a sample of the readers
 */
function simulate(readers: number): number[] {
  const interval = 1_000 / CHANGES_PER_SECOND
  const every = Math.max(1, Math.floor(readers / 200))
  const delays: number[] = []
  const served = new Map<number, number>()
  for (let start = 0; start < SIMULATED_MS; ) {
    for (let reader = 0; reader < readers; reader += every) {
      const now = start + reader * WRITE_MS
      const known = Math.floor(now / interval)
      for (let change = (served.get(reader) ?? -1) + 1; change <= known; change++) delays.push(now - change * interval)
      served.set(reader, known)
    }
    const end = start + readers * WRITE_MS
    start = Math.max(end, (Math.floor(start / interval) + 1) * interval)
  }
  return delays.sort((a, b) => a - b)
}

/** The compressed size of a list of which so many are revoked anywhere. */
function listBytes(revoked: number): number {
  const bits = new Uint8Array(LIST_SIZE / 4)
  for (let i = 0; i < LIST_SIZE; i++) if (Math.random() < revoked) bits[i >> 2]! |= 1 << ((i & 3) * 2)
  // The JWT contains it in base64url.
  return (deflateSync(bits, { level: 4 }).byteLength * 4) / 3
}
