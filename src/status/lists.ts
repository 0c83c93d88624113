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

/** The status lists in the memory of this node: loaded once, then updated by status events in their order. */
export interface StatusLists {
  /**
   * Reads new events. Once it resolves, the lists contain everything that was committed before the call.
   * @throws 503 when the database is unavailable
   */
  catchUp(): Promise<void>
  /** Sequence number of the last event that is in the lists. */
  readonly sequence: number
  /**
   * Polls the database, and calls the listener with each batch of changes once it is in the lists. The batch is empty when
   * there was nothing new, and undefined when the changes are unknown, since the database lost events that were emitted.
   */
  subscribe(listener: (changes: readonly StatusChange[] | undefined) => void): () => void
  /** Calls the listener with each batch of changes that is not empty. Unlike `subscribe`, it starts no polling. */
  observe(listener: (changes: readonly StatusChange[]) => void): () => void
  /** The signed list (`application/statuslist+jwt`); undefined: it does not exist or has expired. */
  signed(id: number): Promise<SignedList | undefined>
  /** URIs of all lists that have not expired. */
  uris(): Promise<string[]>
  /** Bytes of memory that the statuses occupy. */
  readonly bytes: number
  close(): Promise<void>
}

export interface StatusListsOptions extends ListSignerOptions {
  db: Database
  bus: InvalidationBus
  /** Milliseconds between two polls of the database. */
  pollIntervalMs?: number
  onError?: (error: unknown) => void
}

/** Changes within this time are read together: a node receives its own changes twice, directly and by NOTIFY. */
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
  /** Notifications were missed, perhaps during a failover that lost the last commits: the lists may be wrong. */
  let gapSuspected = false
  let timer: NodeJS.Timeout | undefined
  let catchUpTimer: NodeJS.Timeout | undefined
  let closed = false

  async function load(): Promise<void> {
    // One snapshot: an event that is not in these statuses has a higher sequence number than `last`.
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

  /** Reloads after missed notifications. @returns the changes not emitted yet; undefined: the sequence went backwards */
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

  /** An expired list is no longer published; its half a megabyte and its signature are dropped. */
  function dropExpired(): void {
    const now = Date.now()
    for (const list of states?.values() ?? []) if (list.expiresAt <= now) states?.delete(list.id)
  }

  async function readNewEvents(): Promise<void> {
    dropExpired()
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
      // Also after an error: the next read starts after these events.
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

  /** Loads a list that another node created after this one loaded all lists. */
  async function loadNewList(id: number): Promise<StatusListState | undefined> {
    const row = (await readStatusLists(db)).find(r => r.id === id)
    if (!row) return undefined
    // A concurrent call may have added the list, and changes may have been applied to it already.
    const existing = states?.get(id)
    if (existing) return existing
    const list = createListState(row)
    states?.set(id, list)
    return list
  }

  /** Runs one read at a time. A call during a read waits for another one, which sees everything committed before it. */
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

  /** Applies the event of a notification without a read if it is the next one. @returns false: a read is needed */
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
