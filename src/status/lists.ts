import { statusListUri } from '../../packages/guard/src/claims.ts'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Database } from '../database/database.ts'
import { type ChangeListener, ChangeListeners, type ChangeObserver } from './change-listeners.ts'
import { createListCache } from './list-cache.ts'
import { createListSigner, type ListSignerOptions, readStatusLists, type SignedList } from './list-state.ts'

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
  subscribe(listener: ChangeListener): () => void
  /** Calls the observer with each batch of changes that is not empty. Unlike `subscribe`, it starts no polling. */
  observe(observer: ChangeObserver): () => void
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
  const listeners = new ChangeListeners(catchUpInBackground, pollIntervalMs)
  const cache = createListCache(db, changes => listeners.emit(changes))
  let reading: Promise<void> | undefined
  let runAgain = false
  let catchUpTimer: NodeJS.Timeout | undefined
  let closed = false

  /** Runs one read at a time. A call during a read waits for another one, which sees everything committed before it. */
  function catchUp(): Promise<void> {
    if (reading) runAgain = true
    reading ??= catchUpOnce().finally(() => {
      reading = undefined
    })
    return reading
  }

  async function catchUpOnce(): Promise<void> {
    do {
      runAgain = false
      if (await cache.readNewEvents()) runAgain = true
    } while (runAgain && !closed)
  }

  function catchUpInBackground(): void {
    if (!closed) void catchUp().catch(onError)
  }

  bus.subscribe(change => {
    if (change.kind === 'everything') cache.suspectGap()
    if ('event' in change && change.event && cache.applyPublished(change.event, reading !== undefined)) return
    catchUpTimer ??= setTimeout(() => {
      catchUpTimer = undefined
      catchUpInBackground()
    }, COALESCE_MS).unref()
  })

  return {
    get sequence() {
      return cache.sequence
    },
    get bytes() {
      return cache.bytes
    },
    catchUp,
    subscribe: listener => listeners.subscribe(listener),
    observe: observer => listeners.observe(observer),
    async signed(id) {
      await catchUp()
      const list = await cache.find(id)
      if (!list || list.expiresAt <= Date.now()) return undefined
      return sign(list, () => cache.sequence)
    },
    async uris() {
      const rows = await readStatusLists(db)
      return rows.map(row => statusListUri(issuer, row.id))
    },
    async close() {
      closed = true
      listeners.stop()
      clearTimeout(catchUpTimer)
      await reading?.catch(() => {})
    },
  }
}
