import { prune } from '../../src/tokens/prune.ts'
import { createTokenRecords } from '../../src/tokens/records.ts'
import { onServer } from '../databases.ts'
import { answer } from '../processes.ts'
import { median, percentile } from '../rounds.ts'
import { fill } from './fill.ts'
import { openServer } from './server.ts'

const server = await openServer()
const { db, bus, catalogue, config } = server.postern
const url = config.databaseUrl!

/** A node that has not heard of changes yet: it remembers nothing, and asks the database for every token. */
const records = createTokenRecords(db, { ...bus, connected: false }, catalogue)

const SAMPLE = 20_000
let sample: { id: string; name: string }[] = []

export interface Checks {
  by: 'id' | 'text'
  seconds: number
  /** So many at a time, one after another. */
  concurrency?: number
  /** So many a second, whatever the answers take. */
  perSecond?: number
}

/** Milliseconds. */
export interface Times {
  median: number
  p99: number
}

async function check({ by, seconds, concurrency = 1, perSecond }: Checks): Promise<Times> {
  const times: number[] = []
  let asked = 0
  const one = async () => {
    const { id, name } = sample[asked++ % sample.length]!
    const start = performance.now()
    const record = await (by === 'id' ? records.find(id) : records.findByText(name))
    times.push(performance.now() - start)
    if (record?.token.id !== id) throw new Error(`the token ${id} was not found`)
  }
  if (perSecond) await paced(one, seconds, perSecond)
  else await Promise.all(Array.from({ length: concurrency }, () => oneByOne(one, seconds)))
  return {
    median: median(times),
    p99: percentile(
      times.toSorted((a, b) => a - b),
      0.99,
    ),
  }
}

async function oneByOne(work: () => Promise<void>, seconds: number): Promise<void> {
  const end = performance.now() + seconds * 1000
  while (performance.now() < end) await work()
}

async function paced(work: () => Promise<void>, seconds: number, perSecond: number): Promise<void> {
  const all: Promise<void>[] = []
  const { promise: over, resolve } = Promise.withResolvers<void>()
  const timer = setInterval(() => void all.push(work()), 1000 / perSecond)
  setTimeout(resolve, seconds * 1000)
  await over
  clearInterval(timer)
  await Promise.all(all)
}

/**
 * Begins to delete what has expired, and is stopped between two batches.
 * @param enough told how many there were, and milliseconds since the start
 * @returns milliseconds that each batch took
 */
async function pruneUntil(enough: (batches: number, passed: number) => boolean, batch: number): Promise<number[]> {
  const stopped = Symbol('stopped')
  const start = performance.now()
  const times: number[] = []
  let before = start
  const onProgress = () => {
    const now = performance.now()
    times.push(now - before)
    before = now
    if (enough(times.length, now - start)) throw stopped
  }
  await prune(db, { expired: true, revoked: false, hours: 0, batch, onProgress }).then(
    () => {
      throw new Error('nothing is left to prune')
    },
    error => {
      if (error !== stopped) throw error
    },
  )
  return times
}

export const calls = answer(
  {
    async fill(rows: number): Promise<void> {
      await server.issue({ count: 1, scopes: ['orders:read'] })
      await onServer(url, client => fill(client, rows, { expired: 0.75 }))
    },
    async sample(rows: number): Promise<void> {
      const part = Math.min(100, (SAMPLE / rows) * 1000)
      sample = await db.query(
        `select id, name from oauth_access_tokens tablesample bernoulli (${part})
         where hash is not null and expires_at > now() order by random() limit ${SAMPLE}`,
      )
    },
    check,
    /** @returns milliseconds that a batch took */
    async pruneBatch(rows: number): Promise<number> {
      const [took] = await pruneUntil(batches => batches === 1, rows)
      return took as number
    },
    /** Batch after batch. @returns how many */
    async pruneFor({ seconds, rows }: { seconds: number; rows: number }): Promise<number> {
      return (await pruneUntil((_, passed) => passed >= seconds * 1000, rows)).length
    },
  },
  () => server.app.close(),
)
