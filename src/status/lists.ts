import { statusListUri } from '../../packages/guard/src/claims.ts'
import type { StatusChange } from '../../packages/guard/src/event-stream.ts'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Database } from '../database/database.ts'
import { MAX_EVENTS, readStatusEvents, readStatuses } from './events.ts'
import {
  applyChange,
  createListSigner,
  createListState,
  type ListSignerOptions,
  readStatusLists,
  type SignedList,
  type StatusListState,
} from './list-state.ts'

/** The status lists as this node holds them: loaded once, then kept by the events, in their order. */
export interface StatusLists {
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
  observe(listener: (changes: readonly StatusChange[]) => void): () => void
  /** The signed list (`application/statuslist+jwt`); undefined for one that does not exist or has ended. */
  signed(id: number): Promise<SignedList | undefined>
  /** URIs of all lists that have not ended. */
  uris(): Promise<string[]>
  /** Bytes that the statuses take in memory. */
  readonly bytes: number
  close(): Promise<void>
}

export interface StatusListsOptions extends ListSignerOptions {
  db: Database
  bus: InvalidationBus
  /** Milliseconds between two looks at the database when nothing is heard. */
  pollIntervalMs?: number
  onError?: (error: unknown) => void
}

/** Changes that are told within these milliseconds are read together: a node's own it is told twice, here and by NOTIFY. */
const COALESCE_MS = 1

export function createStatusLists(options: StatusListsOptions): StatusLists {
  const { db, bus, issuer, pollIntervalMs = 250, onError = () => {} } = options
  const sign = createListSigner(options)
  const listeners = new Set<(changes: readonly StatusChange[] | undefined) => void>()
  const observers = new Set<(changes: readonly StatusChange[]) => void>()
  let states: Map<number, StatusListState> | undefined
  let sequence = 0
  let reading: Promise<void> | undefined
  let runAgain = false
  /** There was a gap, perhaps a failover that lost what was last committed: what is held may never have been so. */
  let gapSuspected = false
  let timer: NodeJS.Timeout | undefined
  let catchUpTimer: NodeJS.Timeout | undefined
  let closed = false

  async function load(): Promise<void> {
    // One snapshot: an event that is not among the statuses has a number above the last.
    const { rows, statuses, last } = await db.transaction(async em => {
      await em.execute('set transaction isolation level repeatable read')
      const [max] = (await em.execute('select coalesce(max(sequence), 0) as last from oauth_status_events')) as [
        { last: unknown },
      ]
      return { rows: await readStatusLists(db, em), statuses: await readStatuses(em), last: Number(max.last) }
    })
    const lists = new Map(rows.map(row => [row.id, createListState(row)]))
    for (const { list, index, status } of statuses) lists.get(list)?.bits.set(index, status)
    states = lists
    sequence = last
  }

  /** Loads again after a gap. @returns what readers were not told of; undefined: the numbers began anew */
  async function reload(): Promise<StatusChange[] | undefined> {
    const before = sequence
    gapSuspected = false
    try {
      await load()
    } catch (error) {
      gapSuspected = true
      throw error
    }
    if (sequence < before) return undefined
    const events = sequence > before ? await readStatusEvents(db, before) : []
    return events.length < MAX_EVENTS ? events.filter(event => event.sequence <= sequence) : undefined
  }

  /** A list that has ended is published no more; half a megabyte and its signature would be held for nobody. */
  function forgetEnded(): void {
    const now = Date.now()
    for (const list of states?.values() ?? []) if (list.expiresAt <= now) states?.delete(list.id)
  }

  async function readNewEvents(): Promise<void> {
    forgetEnded()
    if (!states) await load()
    else if (gapSuspected) emit(await reload())
    const events = await readStatusEvents(db, sequence)
    const applied: StatusChange[] = []
    try {
      for (const event of events) {
        await apply(event)
        applied.push(event)
      }
    } finally {
      // The next round begins behind these.
      emit(applied)
    }
    if (events.length === MAX_EVENTS) runAgain = true
  }

  async function apply(event: StatusChange): Promise<void> {
    const list = (states as Map<number, StatusListState>).get(event.list) ?? (await loadNewList(event.list))
    if (list) applyChange(list, event)
    sequence = event.sequence
  }

  function emit(events: readonly StatusChange[] | undefined): void {
    for (const listener of listeners) listener(events)
    if (events?.length) for (const observer of observers) observer(events)
  }

  /** A list that another node began after we loaded. */
  async function loadNewList(id: number): Promise<StatusListState | undefined> {
    const row = (await readStatusLists(db)).find(r => r.id === id)
    if (!row) return undefined
    // Two may ask at once, and what the first adopted may have changed already.
    const existing = states?.get(id)
    if (existing) return existing
    const list = createListState(row)
    states?.set(id, list)
    return list
  }

  /** One reader at a time; whoever asks while one reads waits for the next round, which sees what was committed before. */
  function catchUp(): Promise<void> {
    if (!reading) {
      reading = catchUpOnce().finally(() => {
        reading = undefined
      })
      return reading
    }
    runAgain = true
    return reading
  }

  async function catchUpOnce(): Promise<void> {
    do {
      runAgain = false
      await readNewEvents()
    } while (runAgain && !closed)
  }

  const catchUpInBackground = () => {
    if (!closed) void catchUp().catch(onError)
  }

  /** A change that says what it did is taken as it is told, if nothing lies between it and the last one. */
  function applyPublished(event: StatusChange): boolean {
    if (event.sequence <= sequence && !gapSuspected) return true
    const list = states?.get(event.list)
    if (reading || gapSuspected || !list || event.sequence !== sequence + 1) return false
    applyChange(list, event)
    sequence = event.sequence
    emit([event])
    return true
  }

  bus.subscribe(change => {
    if (change.kind === 'everything') gapSuspected = true
    if ('event' in change && change.event && applyPublished(change.event)) return
    catchUpTimer ??= setTimeout(() => {
      catchUpTimer = undefined
      catchUpInBackground()
    }, COALESCE_MS).unref()
  })

  return {
    get sequence() {
      return sequence
    },
    get bytes() {
      return [...(states?.values() ?? [])].reduce((sum, list) => sum + list.bits.bytes, 0)
    },
    catchUp,
    subscribe(listener) {
      listeners.add(listener)
      timer ??= setInterval(catchUpInBackground, pollIntervalMs).unref()
      return () => {
        listeners.delete(listener)
        if (listeners.size > 0) return
        clearInterval(timer)
        timer = undefined
      }
    },
    observe(observer) {
      observers.add(observer)
      return () => void observers.delete(observer)
    },
    async signed(id) {
      await catchUp()
      const list = states?.get(id) ?? (await loadNewList(id))
      if (!list || list.expiresAt <= Date.now()) return undefined
      return sign(list, () => sequence)
    },
    async uris() {
      const rows = await readStatusLists(db)
      return rows.map(row => statusListUri(issuer, row.id))
    },
    async close() {
      closed = true
      clearInterval(timer)
      clearTimeout(catchUpTimer)
      await reading?.catch(() => {})
    },
  }
}
