import { PosternError } from '../errors/errors.ts'

export interface BatcherOptions<Item, Result> {
  /** Processes a batch. Returns a function from an item to its result. */
  work: (items: Item[]) => Promise<(item: Item) => Result>
  /** Maximum number of items in a batch. */
  maxBatchSize: number
  /** Maximum number of batches in flight. A further batch starts only while all others are stalled. */
  concurrency: number
  /** Two items with the same key are never in the same batch. */
  key?: (item: Item) => string
}

interface QueuedItem<Item, Result> {
  item: Item
  resolve: (result: Result) => void
  reject: (error: unknown) => void
}

/** Milliseconds after which a batch counts as stalled, such as by a lock: the next batch does not wait for it. */
const STALL_MS = 20

/**
 * Groups concurrent items into batches. Items that arrive while a batch is in flight form the next one, so that a busy
 * server needs one round trip and one commit for hundreds of items; on an idle server an item starts at once. If a batch
 * fails, each of its items is retried individually.
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
      // One bad item must not fail the others; an unavailable database fails all of them.
      if (batch.length === 1 || error instanceof PosternError) for (const { reject } of batch) reject(error)
      else await Promise.all(Array.from({ length: concurrency }, () => oneByOne(batch)))
    }
  }

  /** Processes items individually. Several calls share the same array. */
  async function oneByOne(remaining: QueuedItem<Item, Result>[]): Promise<void> {
    for (let entry = remaining.shift(); entry; entry = remaining.shift()) await flush([entry]).catch(entry.reject)
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
