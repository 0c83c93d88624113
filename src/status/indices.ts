import type { Database } from '../database/database.ts'
import { withTimeout } from '../database/timeout.ts'
import { storable } from '../http/time.ts'
import type { StatusReference, TakeStatusReference } from '../tokens/mint.ts'
import type { ListKeys } from './list-keys.ts'
import { createPermutation, type Permutation } from './permutation.ts'

/**
 * Number of statuses in a list: 256 KiB in memory, a few KiB on the wire. It equals the domain of the permutation, so that
 * cycle walking always ends after one step.
 */
export const LIST_SIZE = 2 ** 20
/** Number of positions that a node reserves at once; those left when it stops are never used. */
const BLOCK = 512
/** An embedded database has one connection: its holder must not run out of indices while a refill waits for it. */
const EMBEDDED_BLOCK = 16_384
/** How long an issue inside a transaction waits for a refill, which may need another connection. */
const MAX_WAIT_MS = 2_000

interface Block {
  list: number
  permute: Permutation
  next: number
  end: number
}

export interface StatusIndexAllocator {
  take: TakeStatusReference
  /** Reserves a block in advance, so that an issue inside a transaction need not wait for one. */
  reserveBlock(): Promise<void>
}

/**
 * @param maxLifetime maximum lifetime of a token in seconds. The list that expires after it can take any token: it serves
 *   tokens for whose own list this node has not reserved a block yet.
 */
export function createStatusIndexAllocator(
  db: Database,
  listKeys: ListKeys,
  maxLifetime: number,
): StatusIndexAllocator {
  const size = db.embedded ? EMBEDDED_BLOCK : BLOCK
  const blocks = new Map<number, Block[]>()
  const reserving = new Map<number, Promise<void>>()
  const permutations = new Map<number, { list: number; permute: Permutation }>()

  const latest = () => endOfMonth(new Date(Date.now() + maxLifetime * 1000))

  /** The permutation of a list, cached for its next block: a month's next list starts when the previous one is full. */
  async function permutationOf(month: number, { id: list, size, key }: Reserved): Promise<Permutation> {
    const cached = permutations.get(month)
    if (cached?.list === list) return cached.permute
    const permute = createPermutation(await listKeys.open(list, key), size)
    permutations.set(month, { list, permute })
    return permute
  }

  function takeFrom(month: number): StatusReference | undefined {
    const available = blocks.get(month)
    if (available?.[0] && available[0].next === available[0].end) available.shift()
    const block = available?.[0]
    if (!block) return undefined
    if (available.length === 1 && block.end - block.next === size / 2) refill(month).catch(() => {})
    return { list: block.list, index: block.permute(block.next++) }
  }

  /** Concurrent calls wait for the same block. */
  function refill(month: number): Promise<void> {
    const pending = reserving.get(month) ?? reserve(month).finally(() => reserving.delete(month))
    reserving.set(month, pending)
    return pending
  }

  async function reserve(month: number): Promise<void> {
    const expiresAt = new Date(month).toISOString()
    const list = (await extendList(db, expiresAt, size)) ?? (await addList(db, listKeys, expiresAt, size))
    const { id, reserved } = list
    const block = { list: id, permute: await permutationOf(month, list), next: reserved - size, end: reserved }
    blocks.set(month, [...(blocks.get(month) ?? []), block])
  }

  async function waitForIndex(month: number): Promise<StatusReference> {
    for (;;) {
      await withTimeout(refill(month), MAX_WAIT_MS)
      const index = takeFrom(month)
      if (index) return index
    }
  }

  return {
    reserveBlock: () => refill(latest()),
    take(expiresAt) {
      const month = endOfMonth(expiresAt)
      const ownIndex = takeFrom(month)
      if (ownIndex) return ownIndex
      const latestIndex = month < latest() ? takeFrom(latest()) : undefined
      if (!latestIndex) return waitForIndex(month)
      refill(month).catch(() => {})
      return latestIndex
    },
  }
}

interface Reserved {
  id: number
  size: number
  reserved: number
  /** Of the permutation, encrypted; null: derived. */
  key: string | null
}

async function extendList(db: Database, expiresAt: string, block: number): Promise<Reserved | undefined> {
  const [row] = await db.query<Reserved>(
    `update oauth_status_lists set reserved = reserved + ?
     where id = (select id from oauth_status_lists where expires_at = ? and reserved + ? <= size order by id limit 1)
       and reserved + ? <= size
     returning id, size, reserved, permutation_key as key`,
    [block, expiresAt, block, block],
  )
  return row
}

async function addList(db: Database, listKeys: ListKeys, expiresAt: string, block: number): Promise<Reserved> {
  const [next] = await db.query<{ id: number }>(
    "select nextval(pg_get_serial_sequence('oauth_status_lists', 'id'))::int as id",
  )
  const id = Number(next?.id)
  const [row] = await db.query<Reserved>(
    `insert into oauth_status_lists (id, size, reserved, permutation_key, created_at, expires_at)
     values (?, ?, ?, ?, now(), ?) returning id, size, reserved, permutation_key as key`,
    [id, LIST_SIZE, block, await listKeys.create(id), expiresAt],
  )
  return row as Reserved
}

/** Milliseconds since the epoch. All lists of a month expire at its end. */
function endOfMonth(date: Date): number {
  return storable(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1)).getTime()
}
