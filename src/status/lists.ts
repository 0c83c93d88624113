import { statusListUri } from '../../packages/guard/src/claims.ts'
import type { StatusChange } from '../../packages/guard/src/event-stream.ts'
import type { Changes } from '../cluster/changes.ts'
import type { Database } from '../database/database.ts'
import { MOST_EVENTS, readEvents, readStatuses } from './events.ts'
import {
  createListSigner,
  type HeldList,
  hold,
  put,
  readLists,
  type SignedList,
  type SignerOptions,
} from './held-list.ts'

/** The status lists as this node holds them: loaded once, then kept by the events, in their order. */
export interface Lists {
  /** Everything that was committed before the call is in the lists when it settles; 503 when the database is away. */
  catchUp(): Promise<void>
  /** The last event that is in the lists. */
  readonly sequence: number
  /**
   * Called with each batch of changes, after it is in the lists, and with none when there was nothing new; with
   * undefined where what changed cannot be told, because the database went back to before what was told.
   */
  subscribe(listener: (changes: readonly StatusChange[] | undefined) => void): () => void
  /** Called with each batch of changes that is not empty, whoever it was that looked; makes nobody look. */
  watch(listener: (changes: readonly StatusChange[]) => void): () => void
  /** The signed list (`application/statuslist+jwt`); undefined for one that does not exist or has ended. */
  signed(id: number): Promise<SignedList | undefined>
  /** URIs of all lists that have not ended. */
  uris(): Promise<string[]>
  /** Bytes that the statuses take in memory. */
  readonly bytes: number
  close(): Promise<void>
}

export interface ListsOptions extends SignerOptions {
  db: Database
  changes: Changes
  /** Milliseconds between two looks at the database when nothing is heard. */
  interval?: number
  onError?: (error: unknown) => void
}

/** Changes that are told within these milliseconds are read together: a node's own it is told twice, here and by NOTIFY. */
const TOGETHER_MS = 1

export function createLists(options: ListsOptions): Lists {
  const { db, changes, issuer, interval = 250, onError = () => {} } = options
  const sign = createListSigner(options)
  const listeners = new Set<(changes: readonly StatusChange[] | undefined) => void>()
  const watchers = new Set<(changes: readonly StatusChange[]) => void>()
  let held: Map<number, HeldList> | undefined
  let sequence = 0
  let reading: Promise<void> | undefined
  let again = false
  /** There was a gap, perhaps a failover that lost what was last committed: what is held may never have been so. */
  let doubtful = false
  let timer: NodeJS.Timeout | undefined
  let poked: NodeJS.Timeout | undefined
  let closed = false

  async function load(): Promise<void> {
    // One snapshot: an event that is not among the statuses has a number above the last.
    const { rows, statuses, last } = await db.transaction(async em => {
      await em.execute('set transaction isolation level repeatable read')
      const [max] = (await em.execute('select coalesce(max(sequence), 0) as last from oauth_status_events')) as [
        { last: unknown },
      ]
      return { rows: await readLists(db, em), statuses: await readStatuses(em), last: Number(max.last) }
    })
    const lists = new Map(rows.map(row => [row.id, hold(row)]))
    for (const { list, index, status } of statuses) lists.get(list)?.bits.set(index, status)
    held = lists
    sequence = last
  }

  /** Loads again after a gap. @returns what readers were not told of; undefined: the numbers began anew */
  async function reload(): Promise<StatusChange[] | undefined> {
    const before = sequence
    doubtful = false
    try {
      await load()
    } catch (error) {
      doubtful = true
      throw error
    }
    if (sequence < before) return undefined
    const events = sequence > before ? await readEvents(db, before) : []
    return events.length < MOST_EVENTS ? events.filter(event => event.sequence <= sequence) : undefined
  }

  /** A list that has ended is published no more; half a megabyte and its signature would be held for nobody. */
  function forgetEnded(): void {
    const now = Date.now()
    for (const list of held?.values() ?? []) if (list.expiresAt <= now) held?.delete(list.id)
  }

  async function follow(): Promise<void> {
    forgetEnded()
    if (!held) await load()
    else if (doubtful) tell(await reload())
    const events = await readEvents(db, sequence)
    const applied: StatusChange[] = []
    try {
      for (const event of events) {
        await apply(event)
        applied.push(event)
      }
    } finally {
      // The next round begins behind these.
      tell(applied)
    }
    if (events.length === MOST_EVENTS) again = true
  }

  async function apply(event: StatusChange): Promise<void> {
    const list = (held as Map<number, HeldList>).get(event.list) ?? (await adopt(event.list))
    if (list) put(list, event)
    sequence = event.sequence
  }

  function tell(events: readonly StatusChange[] | undefined): void {
    for (const listener of listeners) listener(events)
    if (events?.length) for (const watcher of watchers) watcher(events)
  }

  /** A list that another node began after we loaded. */
  async function adopt(id: number): Promise<HeldList | undefined> {
    const row = (await readLists(db)).find(r => r.id === id)
    if (!row) return undefined
    // Two may ask at once, and what the first adopted may have changed already.
    const there = held?.get(id)
    if (there) return there
    const list = hold(row)
    held?.set(id, list)
    return list
  }

  /** One reader at a time; whoever asks while one reads waits for the next round, which sees what was committed before. */
  function catchUp(): Promise<void> {
    if (!reading) {
      reading = round().finally(() => {
        reading = undefined
      })
      return reading
    }
    again = true
    return reading
  }

  async function round(): Promise<void> {
    do {
      again = false
      await follow()
    } while (again && !closed)
  }

  const look = () => {
    if (!closed) void catchUp().catch(onError)
  }

  /** A change that says what it did is taken as it is told, if nothing lies between it and the last one. */
  function take(event: StatusChange): boolean {
    if (event.sequence <= sequence && !doubtful) return true
    const list = held?.get(event.list)
    if (reading || doubtful || !list || event.sequence !== sequence + 1) return false
    put(list, event)
    sequence = event.sequence
    tell([event])
    return true
  }

  changes.subscribe(change => {
    if (change.kind === 'everything') doubtful = true
    if ('event' in change && change.event && take(change.event)) return
    poked ??= setTimeout(() => {
      poked = undefined
      look()
    }, TOGETHER_MS).unref()
  })

  return {
    get sequence() {
      return sequence
    },
    get bytes() {
      return [...(held?.values() ?? [])].reduce((sum, list) => sum + list.bits.bytes, 0)
    },
    catchUp,
    subscribe(listener) {
      listeners.add(listener)
      timer ??= setInterval(look, interval).unref()
      return () => {
        listeners.delete(listener)
        if (listeners.size > 0) return
        clearInterval(timer)
        timer = undefined
      }
    },
    watch(watcher) {
      watchers.add(watcher)
      return () => void watchers.delete(watcher)
    },
    async signed(id) {
      await catchUp()
      const list = held?.get(id) ?? (await adopt(id))
      if (!list || list.expiresAt <= Date.now()) return undefined
      return sign(list, () => sequence)
    },
    async uris() {
      const rows = await readLists(db)
      return rows.map(row => statusListUri(issuer, row.id))
    },
    async close() {
      closed = true
      clearInterval(timer)
      clearTimeout(poked)
      await reading?.catch(() => {})
    },
  }
}
