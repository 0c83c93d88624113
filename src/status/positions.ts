import type { Changes } from '../cluster/changes.ts'
import type { Database } from '../database/database.ts'
import { newId } from '../database/ids.ts'
import type { Feed } from './feed.ts'
import type { Lists } from './lists.ts'
import type { ReaderPosition } from './node.entity.ts'

/** Says again and again how far this node has heard, so that an operator sees it from anywhere. */
export interface Positions {
  close(): Promise<void>
}

export interface PositionsOptions {
  db: Database
  changes: Changes
  lists: Lists
  feed: Feed
  /** For people: host and process. */
  name: string
  /** Milliseconds between two signs of life. */
  interval?: number
}

/** Milliseconds between two writes, however many changes come: a node costs the database five small ones a second at most. */
const SHORTEST_MS = 200
/** Readers that are told of; what a node serves beyond is still counted by its metrics. */
const MOST_READERS = 1_000

export function startPositions(options: PositionsOptions): Positions {
  const { db, changes, lists, feed, name, interval = 1_000 } = options
  const id = newId()
  let timer: NodeJS.Timeout | undefined
  let writing: Promise<void> | undefined
  let wroteAt = Number.NEGATIVE_INFINITY
  /** Monotonic; when the last change was heard. Undefined: it was there when this node started. */
  let reachedAt: number | undefined
  let closed = false

  const ignore = lists.watch(() => {
    reachedAt = performance.now()
    schedule(Math.max(0, wroteAt + SHORTEST_MS - performance.now()))
  })

  function schedule(wait: number): void {
    if (closed || writing) return
    clearTimeout(timer)
    timer = setTimeout(beat, wait).unref()
  }

  function beat(): void {
    writing ??= write()
      // The database is away: nobody can read a position either. It is told at the next sign of life.
      .catch(() => {})
      .finally(() => {
        const moved = (reachedAt ?? 0) > wroteAt
        writing = undefined
        schedule(moved ? SHORTEST_MS : interval)
      })
  }

  async function write(): Promise<void> {
    await lists.catchUp()
    wroteAt = performance.now()
    const ago = reachedAt === undefined ? null : wroteAt - reachedAt
    await db.query(WRITE, [id, name, lists.sequence, ago, changes.hearing, JSON.stringify(readers(feed))])
  }

  beat()
  return {
    async close() {
      closed = true
      ignore()
      clearTimeout(timer)
      await writing
      await db.query('delete from nodes where id = ?', [id]).catch(() => {})
    },
  }
}

const readers = (feed: Feed): ReaderPosition[] =>
  feed.readers.slice(0, MOST_READERS).map(({ client, at }) => ({ client_id: client, sequence: at }))

/** Whoever is long gone without a farewell goes too. */
const WRITE = `
  with gone as (delete from nodes where seen_at < clock_timestamp() - interval '1 minute')
  insert into nodes as n (id, name, sequence, reached_at, hearing, readers, seen_at)
  values (?, ?, ?, clock_timestamp() - ?::float8 * interval '1 millisecond', ?, ?::jsonb, clock_timestamp())
  on conflict (id) do update set sequence = excluded.sequence, reached_at = excluded.reached_at,
    hearing = excluded.hearing, readers = excluded.readers, seen_at = excluded.seen_at`
