import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Database } from '../database/database.ts'
import { newId } from '../database/ids.ts'
import type { Feed } from './feed.ts'
import type { StatusLists } from './lists.ts'
import type { ReaderPosition } from './node.entity.ts'

/** Says again and again how far this node has heard, so that an operator sees it from anywhere. */
export interface Heartbeat {
  close(): Promise<void>
}

export interface HeartbeatOptions {
  db: Database
  bus: InvalidationBus
  lists: StatusLists
  feed: Feed
  /** For people: host and process. */
  name: string
  /** Milliseconds between two signs of life. */
  intervalMs?: number
}

/** Milliseconds between two writes, however many changes come: a node costs the database five small ones a second at most. */
const MIN_INTERVAL_MS = 200
/** Readers that are told of; what a node serves beyond is still counted by its metrics. */
const MAX_READERS = 1_000

export function startHeartbeat(options: HeartbeatOptions): Heartbeat {
  const { db, bus, lists, feed, name, intervalMs = 1_000 } = options
  const id = newId()
  let timer: NodeJS.Timeout | undefined
  let writing: Promise<void> | undefined
  let writtenAt = Number.NEGATIVE_INFINITY
  /** Monotonic; when the last change was heard. Undefined: it was there when this node started. */
  let reachedAt: number | undefined
  let closed = false

  const stopObserving = lists.observe(() => {
    reachedAt = performance.now()
    schedule(Math.max(0, writtenAt + MIN_INTERVAL_MS - performance.now()))
  })

  function schedule(wait: number): void {
    if (closed || writing) return
    clearTimeout(timer)
    timer = setTimeout(writeSoon, wait).unref()
  }

  function writeSoon(): void {
    writing ??= write()
      // The database is away: nobody can read a position either. It is told at the next sign of life.
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
    await db.query(WRITE, [id, name, lists.sequence, ago, bus.connected, JSON.stringify(readerPositions(feed))])
  }

  writeSoon()
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
  feed.readers.slice(0, MAX_READERS).map(({ client, position }) => ({ client_id: client, sequence: position }))

/** Whoever is long gone without a farewell goes too. */
const WRITE = `
  with gone as (delete from nodes where seen_at < clock_timestamp() - interval '1 minute')
  insert into nodes as n (id, name, sequence, reached_at, hearing, readers, seen_at)
  values (?, ?, ?, clock_timestamp() - ?::float8 * interval '1 millisecond', ?, ?::jsonb, clock_timestamp())
  on conflict (id) do update set sequence = excluded.sequence, reached_at = excluded.reached_at,
    hearing = excluded.hearing, readers = excluded.readers, seen_at = excluded.seen_at`
