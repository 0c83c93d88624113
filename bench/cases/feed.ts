import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Case } from '../bench.ts'
import { startProcess } from '../processes.ts'
import type { calls as issuerCalls } from '../servers/feed-issuer.ts'
import type { calls as readerCalls } from '../servers/feed-readers.ts'
import type { Row } from '../table.ts'

const ISSUER = join(import.meta.dirname, '../servers/feed-issuer.ts')
const READERS = join(import.meta.dirname, '../servers/feed-readers.ts')
const PER_SECOND = 100
const COUNTS = [1_000, 10_000]
/** A reader that has not received everything by then is an error. */
const PATIENCE_MS = 30_000

interface Run {
  p50: number
  p99: number
  max: number
  /** Of the event loop, p99. */
  delay: number
  busy: number
  missing: number
}

export const bench: Case = {
  about: 'how fast and with how much memory one node tells many readers of its feed about revocations',
  embedded: false,
  async run(bench) {
    const rows: Row[] = []
    for (const count of bench.quick ? [200] : COUNTS) {
      const name = count.toLocaleString('en')
      bench.say(`opens ${name} readers`)
      const environment = await bench.environment()
      const settings = { FEED_READERS: String(count), FEED_STREAMS_PER_CLIENT: '1000', NODE_OPTIONS: '--expose-gc' }
      const issuer = await startProcess<typeof issuerCalls>(ISSUER, { ...environment, ...settings })
      bench.defer(issuer.close)
      const readers = await startProcess<typeof readerCalls>(READERS, {})
      bench.defer(readers.close)
      const port = Number(new URL(await issuer.call('listen')).port)
      const credentials = await issuer.call('credentials')
      // What the first readers and revocations load is not memory of the others.
      await readers.call('open', { port, credentials, count: 100 })
      await issuer.call('revoke', { perSecond: PER_SECOND, seconds: 1 })
      const before = await issuer.call('collect')
      await readers.call('open', { port, credentials, count: count - 100 })
      await pause(1_000)
      const memory = (await issuer.call('collect')) - before
      const runs: Run[] = []
      for (let round = 0; round < bench.rounds; round++) {
        await readers.call('record')
        await issuer.call('usage')
        const { count: revoked, delay } = await issuer.call('revoke', {
          perSecond: PER_SECOND,
          seconds: Math.ceil(bench.seconds),
        })
        const end = performance.now() + PATIENCE_MS
        while ((await readers.call('received')) < revoked * count && performance.now() < end) await pause(20)
        const { busy } = await issuer.call('usage')
        const delays = await readers.call('delays', await issuer.call('emitted'))
        runs.push({ ...delays, delay, busy, missing: revoked * count - delays.events })
      }
      const of = (figure: (run: Run) => number) => runs.map(figure)
      rows.push(
        { what: `${name} readers: a revocation arrives, p50`, values: of(run => run.p50), unit: 'ms' },
        { what: `${name} readers: a revocation arrives, p99`, values: of(run => run.p99), unit: 'ms', atMost: 100 },
        { what: `${name} readers: the last one`, values: of(run => run.max), unit: 'ms' },
        { what: `${name} readers: events that did not arrive`, values: of(run => run.missing), unit: '', atMost: 0 },
        { what: `${name} readers: event loop busy`, values: of(run => run.busy * 100), unit: '%' },
        { what: `${name} readers: delay of the event loop, p99`, values: of(run => run.delay), unit: 'ms' },
        {
          what: `${name} readers: resident memory of each`,
          values: [memory / (count - 100) / 1_000],
          unit: 'kB',
          atMost: 20,
        },
      )
      await readers.close()
      await issuer.close()
    }
    return {
      rows,
      notes: [
        `${PER_SECOND} revocations a second, made by the node that the readers follow. Times are from the lists of the node to ` +
          'the socket of the reader, of the oldest event in each chunk. Readers share the two cores with node and PostgreSQL.',
      ],
    }
  },
}
