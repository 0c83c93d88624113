import type { StatusChange } from '../../packages/guard/src/event-stream.ts'
import type { Database } from '../database/database.ts'
import type { Keys } from '../keys/keys.ts'
import { readEvents } from './events.ts'
import type { Lists } from './lists.ts'

/** What a reader of the feed is told. */
export type Message =
  | { kind: 'status'; change: StatusChange }
  /** Everything up to this sequence number has been told; said again and again, it is a sign of life. */
  | { kind: 'heartbeat'; sequence: number }
  /** What was missed cannot be told any more: load the lists, and go on from here. */
  | { kind: 'reload'; sequence: number }
  /** The keys that were revoked, all of them: nothing that one of them signed counts. */
  | { kind: 'keys'; sequence: number; revoked: readonly string[] }

/** Where a reader of the feed stands. */
export interface Reader {
  client: string
  /** The last sequence number that it was told. */
  at: number
}

export interface Feed {
  /**
   * Tells every change after `since`, in order and without a gap, then goes on telling.
   * @param client the id of the client that reads
   * @param since the last sequence number that the reader has; undefined: it begins now
   * @returns a function that ends it
   */
  follow(client: string, since: number | undefined, tell: (messages: readonly Message[]) => void): Promise<() => void>
  /** Readers now, and the sequence number each has been told. */
  readonly readers: readonly Reader[]
}

/** A reader that is further behind loads the lists, which is less than telling it all. */
const MOST_MISSED = 10_000

export function createFeed(db: Database, lists: Lists, keys: Keys): Feed {
  const readers = new Set<Reader>()

  /** Undefined: what was missed is not there any more, or is too much. */
  async function missed(since: number, until: number): Promise<StatusChange[] | undefined> {
    if (since === until) return []
    const [oldest] = await db.query<{ first: number | string | null }>(
      'select min(sequence) as first from oauth_status_events',
    )
    const first = oldest?.first == null ? Number.POSITIVE_INFINITY : Number(oldest.first)
    if (since > until || since < first - 1) return undefined
    const events = await readEvents(db, since, MOST_MISSED)
    return events.length < MOST_MISSED ? events.filter(e => e.sequence <= until) : undefined
  }

  return {
    get readers() {
      return [...readers]
    },
    async follow(client, since, tell) {
      await lists.catchUp()
      const reader = { client, at: lists.sequence }
      let held: StatusChange[] | undefined = []
      const send = (changes: readonly StatusChange[] | undefined) => {
        if (!changes) return restart()
        const fresh = changes.filter(change => change.sequence > reader.at)
        reader.at = Math.max(reader.at, fresh.at(-1)?.sequence ?? 0)
        const told = fresh.map(change => ({ kind: 'status', change }) as const)
        tell(told.length > 0 ? told : [{ kind: 'heartbeat', sequence: reader.at }])
      }
      const restart = () => {
        reader.at = lists.sequence
        tell([{ kind: 'reload', sequence: reader.at }])
      }
      let gap = false
      // Listening first: nothing can fall between what was missed and what comes.
      const end = lists.subscribe(changes => {
        if (!held) send(changes)
        else if (changes) held.push(...changes)
        else gap = true
      })
      const tellKeys = (sequence: number) => {
        if (keys.revoked.length > 0) tell([{ kind: 'keys', sequence, revoked: keys.revoked }])
      }
      const endKeys = keys.watch(() => tellKeys(reader.at))
      const leave = () => {
        end()
        endKeys()
        readers.delete(reader)
      }
      readers.add(reader)
      const start = reader.at
      const before = await missed(since ?? start, start).catch(error => {
        leave()
        throw error
      })
      // A heartbeat ends what was missed: before it a reader knows only a part. It is also the first that a new one hears.
      const complete = { kind: 'heartbeat', sequence: start } as const
      const missedChanges = before?.map(change => ({ kind: 'status', change }) as const)
      // Before it is complete, and without a step ahead of what was missed.
      tellKeys(Math.min(since ?? start, start))
      tell([...(missedChanges ?? [{ kind: 'reload', sequence: start } as const]), complete])
      const waiting = held
      held = undefined
      send(gap ? undefined : waiting)
      return leave
    },
  }
}
