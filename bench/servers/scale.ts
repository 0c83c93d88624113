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

/** Token records of a node that receives no notifications: it caches nothing and queries the database for every token. */
const records = createTokenRecords(db, { ...bus, connected: false }, catalogue)

const SAMPLE = 20_000
let sample: { id: string; name: string }[] = []

export interface Checks {
  by: 'id' | 'text'
  seconds: number
  /** Number of concurrent loops, each of which runs one check after another. */
  concurrency?: number
  /** Checks started per second, however long they take. */
  perSecond?: number
}

/** Milliseconds. */
export interface Times {
  median: number
  p99: number
}

async function check({ by, seconds, concurrency = 1, perSecond }: Checks): Promise<Times> {
  const times: number[] = []
  let count = 0
  const one = async () => {
    const { id, name } = sample[count++ % sample.length]!
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
  const { promise: done, resolve } = Promise.withResolvers<void>()
  const timer = setInterval(() => void all.push(work()), 1000 / perSecond)
  setTimeout(resolve, seconds * 1000)
  await done
  clearInterval(timer)
  await Promise.all(all)
}

/**
 * Prunes expired tokens until `isDone` returns true after a batch.
 * @param isDone called with the number of batches, and the milliseconds since the start
 * @returns the duration of each batch in milliseconds
 */
async function pruneUntil(isDone: (batches: number, elapsed: number) => boolean, batch: number): Promise<number[]> {
  const stopped = Symbol('stopped')
  const start = performance.now()
  const times: number[] = []
  let before = start
  const onProgress = () => {
    const now = performance.now()
    times.push(now - before)
    before = now
    if (isDone(times.length, now - start)) throw stopped
  }
  await prune(db, { expired: true, revoked: false, hours: 0, batch, onProgress }).then(
    () => {
      throw new Error('there is nothing left to prune')
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
    /** @returns the duration of a batch in milliseconds */
    async pruneBatch(rows: number): Promise<number> {
      const [took] = await pruneUntil(batches => batches === 1, rows)
      return took as number
    },
    /** Prunes for this long. @returns the number of batches */
    async pruneFor({ seconds, rows }: { seconds: number; rows: number }): Promise<number> {
      return (await pruneUntil((_, elapsed) => elapsed >= seconds * 1000, rows)).length
    },
  },
  () => server.app.close(),
)
