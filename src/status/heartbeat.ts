import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Database } from '../database/database.ts'
import { newId } from '../database/ids.ts'
import type { KeyRing } from '../security/key-ring.ts'
import type { Feed } from './feed.ts'
import type { StatusLists } from './lists.ts'
import type { ReaderPosition } from './node.entity.ts'

/** Writes this node's position to the database at an interval, so that an operator can see it from any node. */
export interface Heartbeat {
  close(): Promise<void>
}

export interface HeartbeatOptions {
  db: Database
  bus: InvalidationBus
  lists: StatusLists
  feed: Feed
  keyRing: KeyRing
  /** A display name: host and process. */
  name: string
  /** Milliseconds between two heartbeats. */
  intervalMs?: number
}

/** Minimum milliseconds between two writes: however many changes there are, a node writes at most five times a second. */
const MIN_INTERVAL_MS = 200
/** Maximum number of readers that are written; the metrics of the node count all of them. */
const MAX_READERS = 1_000

export function startHeartbeat(options: HeartbeatOptions): Heartbeat {
  const { db, bus, lists, feed, keyRing, name, intervalMs = 1_000 } = options
  const id = newId()
  let timer: NodeJS.Timeout | undefined
  let writing: Promise<void> | undefined
  let writtenAt = Number.NEGATIVE_INFINITY
  /** When the last change was received, by the monotonic clock. Undefined: no change since this node started. */
  let reachedAt: number | undefined
  let closed = false

  const stopObserving = lists.observe(() => {
    reachedAt = performance.now()
    schedule(Math.max(0, writtenAt + MIN_INTERVAL_MS - performance.now()))
  })

  function schedule(delayMs: number): void {
    if (closed || writing) return
    clearTimeout(timer)
    timer = setTimeout(writeInBackground, delayMs).unref()
  }

  function writeInBackground(): void {
    writing ??= write()
      // The database is unavailable, so nobody can read the position either. The next heartbeat writes it.
      .catch(() => {})
      .finally(() => {
        const advanced = (reachedAt ?? 0) > writtenAt
        writing = undefined
        schedule(advanced ? MIN_INTERVAL_MS : intervalMs)
      })
  }

  async function write(): Promise<void> {
    await lists.catchUp()
    writtenAt = performance.now()
    const ago = reachedAt === undefined ? null : writtenAt - reachedAt
    const readers = JSON.stringify(readerPositions(feed))
    const appKeys = JSON.stringify(keyRing.all.map(key => key.id))
    await db.query(WRITE, [id, name, lists.sequence, ago, bus.connected, readers, appKeys])
  }

  writeInBackground()
  return {
    async close() {
      closed = true
      stopObserving()
      clearTimeout(timer)
      await writing
      await db.query('delete from nodes where id = ?', [id]).catch(() => {})
    },
  }
}

const readerPositions = (feed: Feed): ReaderPosition[] =>
  [...feed.readers].slice(0, MAX_READERS).map(({ client, position }) => ({ client_id: client, sequence: position }))

/** Also deletes nodes that stopped without deleting their row. */
const WRITE = `
  with gone as (delete from nodes where seen_at < clock_timestamp() - interval '1 minute')
  insert into nodes as n (id, name, sequence, reached_at, hearing, readers, app_keys, seen_at)
  values (?, ?, ?, clock_timestamp() - ?::float8 * interval '1 millisecond', ?, ?::jsonb, ?::jsonb, clock_timestamp())
  on conflict (id) do update set sequence = excluded.sequence, reached_at = excluded.reached_at,
    hearing = excluded.hearing, readers = excluded.readers, app_keys = excluded.app_keys, seen_at = excluded.seen_at`
