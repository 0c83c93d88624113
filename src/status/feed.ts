import type { StatusChange } from '../../packages/guard/src/event-stream.ts'
import type { Database } from '../database/database.ts'
import type { Keys } from '../keys/keys.ts'
import { readStatusEvents } from './events.ts'
import type { StatusLists } from './lists.ts'

/** What a reader of the feed is told. */
export type FeedMessage =
  | { kind: 'status'; change: StatusChange }
  /** Everything up to this sequence number has been told; said again and again, it is a sign of life. */
  | { kind: 'heartbeat'; sequence: number }
  /** What was missed cannot be told any more: load the lists, and go on from here. */
  | { kind: 'reload'; sequence: number }
  /** The keys that were revoked, all of them: nothing that one of them signed counts. */
  | { kind: 'keys'; sequence: number; revoked: readonly string[] }

/** Where a reader of the feed stands. */
export interface FeedReader {
  client: string
  /** The last sequence number that it was told. */
  position: number
}

export interface Feed {
  /**
   * Tells every change after `since`, in order and without a gap, then goes on telling.
   * @param client the id of the client that reads
   * @param since the last sequence number that the reader has; undefined: it begins now
   * @returns a function that ends it
   */
  follow(
    client: string,
    since: number | undefined,
    send: (messages: readonly FeedMessage[]) => void,
  ): Promise<() => void>
  /** Readers now, and the sequence number each has been told. */
  readonly readers: readonly FeedReader[]
}

/** A reader that is further behind loads the lists, which is less than telling it all. */
const MAX_MISSED = 10_000

export function createFeed(db: Database, lists: StatusLists, keys: Keys): Feed {
  const readers = new Set<FeedReader>()

  /** Undefined: what was missed is not there any more, or is too much. */
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
      return [...readers]
    },
    async follow(client, since, sendMessages) {
      await lists.catchUp()
      const reader = { client, position: lists.sequence }
      let buffered: StatusChange[] | undefined = []
      const deliver = (changes: readonly StatusChange[] | undefined) => {
        if (!changes) return sendReload()
        const fresh = changes.filter(change => change.sequence > reader.position)
        reader.position = Math.max(reader.position, fresh.at(-1)?.sequence ?? 0)
        const messages = fresh.map(change => ({ kind: 'status', change }) as const)
        sendMessages(messages.length > 0 ? messages : [{ kind: 'heartbeat', sequence: reader.position }])
      }
      const sendReload = () => {
        reader.position = lists.sequence
        sendMessages([{ kind: 'reload', sequence: reader.position }])
      }
      let gap = false
      // Listening first: nothing can fall between what was missed and what comes.
      const end = lists.subscribe(changes => {
        if (!buffered) deliver(changes)
        else if (changes) buffered.push(...changes)
        else gap = true
      })
      const tellKeys = (sequence: number) => {
        if (keys.revoked.length > 0) sendMessages([{ kind: 'keys', sequence, revoked: keys.revoked }])
      }
      const endKeys = keys.observe(() => tellKeys(reader.position))
      const leave = () => {
        end()
        endKeys()
        readers.delete(reader)
      }
      readers.add(reader)
      const start = reader.position
      const missedEvents = await readMissed(since ?? start, start).catch(error => {
        leave()
        throw error
      })
      // A heartbeat ends what was missed: before it a reader knows only a part. It is also the first that a new one hears.
      const caughtUp = { kind: 'heartbeat', sequence: start } as const
      const missedChanges = missedEvents?.map(change => ({ kind: 'status', change }) as const)
      // Before it is complete, and without a step ahead of what was missed.
      tellKeys(Math.min(since ?? start, start))
      sendMessages([...(missedChanges ?? [{ kind: 'reload', sequence: start } as const]), caughtUp])
      const buffer = buffered
      buffered = undefined
      deliver(gap ? undefined : buffer)
      return leave
    },
  }
}
