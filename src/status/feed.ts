import type { StatusChange } from '../../packages/guard/src/event-stream.ts'
import type { Database } from '../database/database.ts'
import type { Keys } from '../keys/keys.ts'
import { Broadcast, type BroadcastReader } from './broadcast.ts'
import { readStatusEvents } from './events.ts'
import { FeedBatch } from './feed-batch.ts'
import type { StatusLists } from './lists.ts'
import type { ReadersAhead } from './readers-ahead.ts'

/** The position of a reader of the feed. */
export interface FeedReader {
  client: string
  /** The last sequence number that was sent to it. */
  position: number
}

export interface Feed {
  /**
   * Sends every change after `since`, in order and without a gap, and then each new one.
   * @param client the id of the client that reads
   * @param since the last sequence number that the reader has received; undefined: starts with new changes
   * @returns a function that stops it
   */
  follow(client: string, since: number | undefined, send: (batch: FeedBatch) => void): Promise<() => void>
  /** Current readers and their positions. */
  readonly readers: ReadonlySet<FeedReader>
  /** How many connections began after a number that the database does not have, since the start of this process. */
  readonly ahead: number
}

/** A reader that missed more changes loads the lists, which is less data than all the changes. */
const MAX_MISSED = 10_000

type Reader = FeedReader & BroadcastReader

export function createFeed(db: Database, lists: StatusLists, keys: Keys, readersAhead: ReadersAhead): Feed {
  const broadcast = new Broadcast<Reader>()
  let stopListening = () => {}

  /** While there are readers, the database is polled for changes. */
  function listen(): () => void {
    const unsubscribe = lists.subscribe(changes => {
      if (changes) broadcast.publish(changes)
      else broadcast.reload(lists.sequence)
    })
    const stopObserving = keys.observe(() => {
      for (const reader of broadcast.readers) if (reader.ready) sendKeys(reader, reader.position)
    })
    return () => {
      unsubscribe()
      stopObserving()
    }
  }

  function join(reader: Reader): () => void {
    broadcast.add(reader)
    if (broadcast.readers.size === 1) stopListening = listen()
    return () => {
      broadcast.delete(reader)
      if (broadcast.readers.size === 0) stopListening()
    }
  }

  function sendKeys({ send }: Reader, sequence: number): void {
    if (keys.revoked.length > 0) send(new FeedBatch([{ kind: 'keys', sequence, revoked: keys.revoked }]))
  }

  /** @returns undefined: the missed changes are no longer stored, or there are too many */
  async function readMissed(since: number, until: number): Promise<StatusChange[] | undefined> {
    if (since === until) return []
    const [oldest] = await db.query<{ first: number | string | null }>(
      'select min(sequence) as first from oauth_status_events',
    )
    const first = oldest?.first == null ? Number.POSITIVE_INFINITY : Number(oldest.first)
    if (since > until || since < first - 1) return undefined
    const events = await readStatusEvents(db, since, MAX_MISSED)
    return events.length < MAX_MISSED ? events.filter(e => e.sequence <= until) : undefined
  }

  return {
    get readers() {
      return broadcast.readers
    },
    get ahead() {
      return readersAhead.count
    },
    async follow(client, since, send) {
      await lists.catchUp()
      const start = lists.sequence
      // Nothing waits for it.
      if (since !== undefined && since > start) void readersAhead.note(client, since, start).catch(() => {})
      const reader: Reader = { client, position: start, ready: false, send }
      // Before it reads the missed changes, so that no change is lost in between.
      const leave = join(reader)
      const missedEvents = await readMissed(since ?? start, start).catch(error => {
        leave()
        throw error
      })
      const missedChanges = missedEvents?.map(change => ({ kind: 'status', change }) as const)
      // Sent before the reader counts as up to date, with a sequence number that does not skip the missed changes.
      sendKeys(reader, Math.min(since ?? start, start))
      // A heartbeat follows the missed changes: only then is the reader up to date. A new reader receives it first.
      const caughtUp = { kind: 'heartbeat', sequence: start } as const
      send(new FeedBatch([...(missedChanges ?? [{ kind: 'reload', sequence: start } as const]), caughtUp]))
      reader.ready = true
      broadcast.serve(reader)
      return leave
    },
  }
}
