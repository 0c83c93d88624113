import { prune } from '../../src/tokens/prune.ts'
import { createRecords } from '../../src/tokens/records.ts'
import { onServer } from '../databases.ts'
import { answer } from '../processes.ts'
import { median, percentile } from '../rounds.ts'
import { fill } from './fill.ts'
import { openServer } from './house.ts'

const server = await openServer()
const { db, changes, catalogue, config } = server.postern
const url = config.databaseUrl!

/** A node that has not heard of changes yet: it remembers nothing, and asks the database for every token. */
const records = createRecords(db, { ...changes, hearing: false }, catalogue)

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

/** Deletes the rows that expired first. @returns milliseconds that the first batch took */
async function pruneBatch(rows: number): Promise<number> {
  const [next] = await db.query<{ hours: number }>(
    `select extract(epoch from now() - expires_at)::float / 3600 as hours
     from oauth_access_tokens order by expires_at offset ? limit 1`,
    [rows],
  )
  const start = performance.now()
  let took = 0
  const onProgress = () => {
    took ||= performance.now() - start
  }
  const deleted = await prune(db, { expired: true, revoked: false, hours: next!.hours, batch: rows, onProgress })
  if (deleted < rows * 0.99) throw new Error(`${deleted} rows were pruned instead of ${rows}`)
  return took
}

export const calls = answer(
  {
    async fill(rows: number): Promise<void> {
      await server.issue({ count: 1, scopes: ['orders:read'] })
      await onServer(url, client => fill(client, rows))
    },
    async sample(rows: number): Promise<void> {
      const part = Math.min(100, (SAMPLE / rows) * 1000)
      sample = await db.query(
        `select id, name from oauth_access_tokens tablesample bernoulli (${part})
         where hash is not null and expires_at > now() order by random() limit ${SAMPLE}`,
      )
    },
    check,
    pruneBatch,
    /** Batch after batch. @returns how many */
    async pruneFor({ seconds, rows }: { seconds: number; rows: number }): Promise<number> {
      const end = performance.now() + seconds * 1000
      let batches = 0
      for (; performance.now() < end; batches++) await pruneBatch(rows)
      return batches
    },
  },
  () => server.app.close(),
)
