import { PosternError } from '../errors/errors.ts'

export interface BatcherOptions<Item, Result> {
  /** Does it for all of them in one go; what it returns tells each one's result. */
  work: (items: Item[]) => Promise<(item: Item) => Result>
  /** Items that share a go. */
  maxBatchSize: number
  /** Goes under way at once, of which all but one are late. */
  concurrency: number
  /** Two items of the same key never share a go. */
  key?: (item: Item) => string
}

interface QueuedItem<Item, Result> {
  item: Item
  resolve: (result: Result) => void
  reject: (error: unknown) => void
}

/** A go that takes longer may wait for something, such as a lock: the others do not wait for it. */
const STALL_MS = 20

/**
 * Items that arrive while a go is under way share the next one, so that a busy server pays for one way to the database
 * and one commit, not for hundreds; an idle one goes at once. When a go fails, each of its items is tried by itself.
 */
export function createBatcher<Item, Result>(options: BatcherOptions<Item, Result>): (item: Item) => Promise<Result> {
  const { work, maxBatchSize, concurrency, key } = options
  let queue: QueuedItem<Item, Result>[] = []
  let inFlight = 0
  let responsive = 0

  function nextBatch(): QueuedItem<Item, Result>[] {
    if (!key) return queue.splice(0, maxBatchSize)
    const batch = new Map<string, QueuedItem<Item, Result>>()
    const remaining: QueuedItem<Item, Result>[] = []
    for (const entry of queue) {
      const itemKey = key(entry.item)
      if (batch.size < maxBatchSize && !batch.has(itemKey)) batch.set(itemKey, entry)
      else remaining.push(entry)
    }
    queue = remaining
    return [...batch.values()]
  }

  async function flush(batch: QueuedItem<Item, Result>[]): Promise<void> {
    const resultOf = await work(batch.map(({ item }) => item))
    for (const { item, resolve } of batch) resolve(resultOf(item))
  }

  async function flushWithFallback(batch: QueuedItem<Item, Result>[]): Promise<void> {
    try {
      await flush(batch)
    } catch (error) {
      // What one of them stumbled over must not fail its neighbours; a database that is away fails them all.
      if (batch.length === 1 || error instanceof PosternError) for (const { reject } of batch) reject(error)
      else await Promise.all(Array.from({ length: concurrency }, () => oneByOne(batch)))
    }
  }

  /** Several of these share what is left of a batch, each with one of its items at a time. */
  async function oneByOne(left: QueuedItem<Item, Result>[]): Promise<void> {
    for (let entry = left.shift(); entry; entry = left.shift()) await flush([entry]).catch(entry.reject)
  }

  async function drain(): Promise<void> {
    inFlight++
    while (queue.length > 0 && responsive === 0) await trackStall(flushWithFallback(nextBatch()))
    inFlight--
  }

  async function trackStall(flush: Promise<void>): Promise<void> {
    responsive++
    let stalled = false
    const timer = setTimeout(() => {
      stalled = true
      responsive--
      start()
    }, STALL_MS)
    await flush
    clearTimeout(timer)
    if (!stalled) responsive--
  }

  function start(): void {
    if (queue.length > 0 && responsive === 0 && inFlight < concurrency) void drain()
  }

  return item =>
    new Promise((resolve, reject) => {
      queue.push({ item, resolve, reject })
      start()
    })
}
