import { PosternError } from '../errors/errors.ts'

export interface BatchesOptions<Item, Result> {
  /** Does it for all of them in one go; what it returns tells each one's result. */
  work: (items: Item[]) => Promise<(item: Item) => Result>
  /** Items that share a go. */
  most: number
  /** Goes under way at once, of which all but one are late. */
  atOnce: number
  /** Two items of the same key never share a go. */
  key?: (item: Item) => string
}

interface Waiting<Item, Result> {
  item: Item
  resolve: (result: Result) => void
  reject: (error: unknown) => void
}

/** A go that takes longer may wait for something, such as a lock: the others do not wait for it. */
const LATE_MS = 20

/**
 * Items that arrive while a go is under way share the next one, so that a busy server pays for one way to the database
 * and one commit, not for hundreds; an idle one goes at once. When a go fails, each of its items is tried by itself.
 */
export function inBatches<Item, Result>(options: BatchesOptions<Item, Result>): (item: Item) => Promise<Result> {
  const { work, most, atOnce, key } = options
  let waiting: Waiting<Item, Result>[] = []
  let goes = 0
  let inTime = 0

  function next(): Waiting<Item, Result>[] {
    if (!key) return waiting.splice(0, most)
    const batch = new Map<string, Waiting<Item, Result>>()
    const later: Waiting<Item, Result>[] = []
    for (const each of waiting) {
      const its = key(each.item)
      if (batch.size < most && !batch.has(its)) batch.set(its, each)
      else later.push(each)
    }
    waiting = later
    return [...batch.values()]
  }

  async function go(batch: Waiting<Item, Result>[]): Promise<void> {
    const resultOf = await work(batch.map(({ item }) => item))
    for (const { item, resolve } of batch) resolve(resultOf(item))
  }

  async function together(batch: Waiting<Item, Result>[]): Promise<void> {
    try {
      await go(batch)
    } catch (error) {
      // What one of them stumbled over must not fail its neighbours; a database that is away fails them all.
      if (batch.length === 1 || error instanceof PosternError) for (const { reject } of batch) reject(error)
      else await Promise.all(Array.from({ length: atOnce }, () => oneByOne(batch)))
    }
  }

  /** Several of these share what is left of a batch, each with one of its items at a time. */
  async function oneByOne(left: Waiting<Item, Result>[]): Promise<void> {
    for (let each = left.shift(); each; each = left.shift()) await go([each]).catch(each.reject)
  }

  async function run(): Promise<void> {
    goes++
    while (waiting.length > 0 && inTime === 0) await timed(together(next()))
    goes--
  }

  async function timed(go: Promise<void>): Promise<void> {
    inTime++
    let late = false
    const timer = setTimeout(() => {
      late = true
      inTime--
      start()
    }, LATE_MS)
    await go
    clearTimeout(timer)
    if (!late) inTime--
  }

  function start(): void {
    if (waiting.length > 0 && inTime === 0 && goes < atOnce) void run()
  }

  return item =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject })
      start()
    })
}
