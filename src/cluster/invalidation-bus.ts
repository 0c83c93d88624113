import type { StatusChange } from '../../packages/guard/src/event-stream.ts'
import type { Database, Em } from '../database/database.ts'

/** What other nodes have to hear: something that a node may hold in memory is no longer so. */
export type Change =
  /** With what became of its status, where whoever tells knows. */
  | { kind: 'token'; id: string; event?: StatusChange }
  | { kind: 'user'; id: string }
  | { kind: 'client'; id: string }
  | { kind: 'keys' }
  /** A gap in what was heard: nothing in memory can be trusted. */
  | { kind: 'everything' }

export function isChange(value: unknown): value is Change {
  const { kind, id, event } = (value ?? {}) as { kind?: unknown; id?: unknown; event?: unknown }
  if (kind === 'keys' || kind === 'everything') return true
  return (kind === 'token' || kind === 'user' || kind === 'client') && typeof id === 'string' && isEvent(event)
}

const isEvent = (event: unknown) =>
  event === undefined ||
  ['sequence', 'list', 'index', 'status'].every(name => Number.isInteger((event as Record<string, unknown>)?.[name]))

/** What a change does to the status of tokens: `role` to those whose scopes go with the role, `nothing` to none. */
export type AffectedStatuses = 'status' | 'role' | 'nothing'

/** @param affects `status` unless given: to write too many status events is slow, to write too few is unsafe */
export type Publish = (change: Change, affects?: AffectedStatuses) => void

/** A change and what it affects, for whoever writes status events in its transaction. */
export interface PublishedChange {
  change: Change
  affects: AffectedStatuses
}

/** How a change is made: in one transaction, obeyed here before the caller hears of it, and told to every other node. */
export interface InvalidationBus {
  transaction<T>(work: (em: Em, publish: Publish) => Promise<T>): Promise<T>
  /**
   * The same by one statement, which tells the other nodes by itself.
   * @param expected obeyed here in any case: a commit whose answer was lost has happened all the same, and whoever made
   *   the change before may not be heard of yet. What else it changed is heard from the database then.
   * @param work makes the change, and tells what it was
   */
  publishStatementResult(expected: readonly Change[], work: () => Promise<readonly Change[]>): Promise<void>
  subscribe(listener: (change: Change) => void): void
  /**
   * Reads from the database.
   * @param store is given what was read and all that was told meanwhile: it may be as it was before that. Nothing is told
   *   before it returns.
   */
  readAtVersion<T, R>(read: () => Promise<T>, store: (value: T, concurrent: readonly Change[]) => R): Promise<R>
  /** Counts what was told. */
  readonly version: number
  /** false: this node cannot hear the others, and must ask the database for everything. */
  readonly connected: boolean
  /** true: what is sent through the pool does not arrive where this node listens; only the configuration mends that. */
  readonly misrouted: boolean
  /** A change that another node made. */
  applyRemote(change: Change): void
  setConnected(connected: boolean): void
  setMisrouted(): void
}

/** The channel of LISTEN and NOTIFY. */
export const CHANNEL = 'postern_changes'
/** NOTIFY takes payloads below 8,000 bytes. */
const CHANGES_PER_MESSAGE = 100

/** What else belongs to a change, in its transaction and after everything else in it. */
export type BeforeCommit = (em: Em, published: readonly PublishedChange[]) => Promise<void>

export function createInvalidationBus(db: Database, beforeCommit: BeforeCommit = async () => {}): InvalidationBus {
  const listeners: ((change: Change) => void)[] = []
  const activeReads = new Set<Change[]>()
  let version = 0
  let connected = db.embedded
  let misrouted = false

  function emit(change: Change): void {
    version++
    for (const listener of listeners) listener(change)
    for (const concurrent of activeReads) concurrent.push(change)
  }

  return {
    get version() {
      return version
    },
    get connected() {
      return connected
    },
    get misrouted() {
      return misrouted
    },
    subscribe: listener => void listeners.push(listener),
    async readAtVersion(read, store) {
      const concurrent: Change[] = []
      activeReads.add(concurrent)
      try {
        return store(await read(), concurrent)
      } finally {
        activeReads.delete(concurrent)
      }
    },
    applyRemote: emit,
    setConnected(now) {
      if (now && !connected) emit({ kind: 'everything' })
      connected = now
      if (now) misrouted = false
    },
    setMisrouted() {
      misrouted = true
    },
    async publishStatementResult(expected, work) {
      const emitted: Change[] = []
      try {
        emitted.push(...(await work()))
      } finally {
        const known = new Set(emitted.map(idOf))
        for (const change of [...emitted, ...expected.filter(each => !known.has(idOf(each)))]) emit(change)
      }
    },
    async transaction(work) {
      const emitted: Change[] = []
      const publishedChanges: PublishedChange[] = []
      const publish: Publish = (given, affects = 'status') => {
        const change = normalizeId(given)
        emitted.push(change)
        publishedChanges.push({ change, affects })
      }
      try {
        return await db.transaction(async em => {
          const result = await work(em, publish)
          await em.flush()
          // Told with the commit all the same; what is written down may hold a lock that others wait for.
          if (!db.embedded) await notify(em, emitted)
          await beforeCommit(em, publishedChanges)
          return result
        })
      } finally {
        // Also after an error: a commit whose answer was lost has happened all the same.
        emitted.forEach(emit)
      }
    },
  }
}

const idOf = (change: Change) => ('id' in change ? change.id : undefined)

/** In a path an id may have letters of either case and names the same row; memory knows one spelling. */
const normalizeId = (change: Change): Change => ('id' in change ? { ...change, id: change.id.toLowerCase() } : change)

async function notify(em: Em, changes: Change[]): Promise<void> {
  for (let i = 0; i < changes.length; i += CHANGES_PER_MESSAGE) {
    const payload = JSON.stringify(changes.slice(i, i + CHANGES_PER_MESSAGE))
    await em.execute('select pg_notify(?, ?)', [CHANNEL, payload])
  }
}
