import type { StatusChange } from '../../packages/guard/src/event-stream.ts'
import type { Database } from '../database/database.ts'
import type { Keys } from '../keys/keys.ts'
import { readStatusEvents } from './events.ts'
import type { StatusLists } from './lists.ts'

/** A message of the feed. */
export type FeedMessage =
  | { kind: 'status'; change: StatusChange }
  /** Everything up to this sequence number has been sent; sent at an interval. */
  | { kind: 'heartbeat'; sequence: number }
  /** The missed changes are no longer available: the reader must load the lists and continue from here. */
  | { kind: 'reload'; sequence: number }
  /** All revoked signing keys: everything signed by one of them is invalid. */
  | { kind: 'keys'; sequence: number; revoked: readonly string[] }

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
  follow(
    client: string,
    since: number | undefined,
    send: (messages: readonly FeedMessage[]) => void,
  ): Promise<() => void>
  /** Current readers and their positions. */
  readonly readers: readonly FeedReader[]
}

/** A reader that missed more changes loads the lists, which is less data than all the changes. */
const MAX_MISSED = 10_000

export function createFeed(db: Database, lists: StatusLists, keys: Keys): Feed {
  const readers = new Set<FeedReader>()

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
      // Subscribes before it reads the missed changes, so that no change is lost in between.
      const unsubscribe = lists.subscribe(changes => {
        if (!buffered) deliver(changes)
        else if (changes) buffered.push(...changes)
        else gap = true
      })
      const sendKeys = (sequence: number) => {
        if (keys.revoked.length > 0) sendMessages([{ kind: 'keys', sequence, revoked: keys.revoked }])
      }
      const stopObservingKeys = keys.observe(() => sendKeys(reader.position))
      const stop = () => {
        unsubscribe()
        stopObservingKeys()
        readers.delete(reader)
      }
      readers.add(reader)
      const start = reader.position
      const missedEvents = await readMissed(since ?? start, start).catch(error => {
        stop()
        throw error
      })
      // A heartbeat follows the missed changes: only then is the reader up to date. A new reader receives it first.
      const caughtUp = { kind: 'heartbeat', sequence: start } as const
      const missedChanges = missedEvents?.map(change => ({ kind: 'status', change }) as const)
      // Sent before the reader counts as up to date, with a sequence number that does not skip the missed changes.
      sendKeys(Math.min(since ?? start, start))
      sendMessages([...(missedChanges ?? [{ kind: 'reload', sequence: start } as const]), caughtUp])
      const buffer = buffered
      buffered = undefined
      deliver(gap ? undefined : buffer)
      return stop
    },
  }
}
