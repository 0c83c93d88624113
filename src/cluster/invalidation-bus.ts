import type { StatusChange } from '../../packages/guard/src/event-stream.ts'
import type { Database, Em } from '../database/database.ts'

/** A change that nodes must be notified of, since it invalidates what they may have cached. */
export type Change =
  /**
   * With the resulting status event, where the publisher knows it. `exchanged`: so have all tokens that were exchanged for
   * it, which are too many to publish by themselves.
   */
  | { kind: 'token'; id: string; event?: StatusChange; exchanged?: true }
  | { kind: 'user'; id: string }
  | { kind: 'client'; id: string }
  | { kind: 'keys' }
  | { kind: 'blocked_hosts' }
  /** Notifications were missed: all caches are invalid. */
  | { kind: 'everything' }

export function isChange(value: unknown): value is Change {
  const { kind, id, event } = (value ?? {}) as { kind?: unknown; id?: unknown; event?: unknown }
  if (kind === 'keys' || kind === 'blocked_hosts' || kind === 'everything') return true
  return (kind === 'token' || kind === 'user' || kind === 'client') && typeof id === 'string' && isEvent(event)
}

const isEvent = (event: unknown) =>
  event === undefined ||
  ['sequence', 'list', 'index', 'status'].every(name => Number.isInteger((event as Record<string, unknown>)?.[name]))

/**
 * Which token statuses a change affects. `status`: those of all its tokens. `revoked`: that of this one token, which was
 * revoked. `role`: those of tokens with scopes that depend on the user's role. `nothing`: none.
 */
export type AffectedStatuses = 'status' | 'revoked' | 'role' | 'nothing'

/** @param affects default `status`: too many status events are slow, too few are unsafe */
export type Publish = (change: Change, affects?: AffectedStatuses) => void

/** A change and what it affects. Status events are written from it, in the same transaction. */
export interface PublishedChange {
  change: Change
  affects: AffectedStatuses
}

/** Publishes changes to all nodes, and notifies the caches of this one. */
export interface InvalidationBus {
  /**
   * Makes changes in one transaction and publishes them with its commit. The caches of this node are invalidated before
   * it returns.
   */
  transaction<T>(work: (em: Em, publish: Publish) => Promise<T>): Promise<T>
  /**
   * Makes a change by one statement that notifies the other nodes itself.
   * @param expected changes that are applied on this node in any case: if the response to a commit was lost, the commit
   *   happened nevertheless, and the notification of the same change by another node may not have arrived yet. Further
   *   changes then arrive as notifications.
   * @param work makes the change and returns what it changed
   */
  publishStatementResult(expected: readonly Change[], work: () => Promise<readonly Change[]>): Promise<void>
  subscribe(listener: (change: Change) => void): void
  /**
   * Reads from the database.
   * @param store receives the value and all changes that were received during the read, so the value may be older than
   *   they are. It is synchronous: no further change is emitted before it returns.
   */
  readAtVersion<T, R>(read: () => Promise<T>, store: (value: T, concurrent: readonly Change[]) => R): Promise<R>
  /** Number of changes emitted on this node. */
  readonly version: number
  /** false: this node receives no notifications and must query the database each time. */
  readonly connected: boolean
  /**
   * true: notifications that are sent through the pool do not arrive at the listening connection. Only a change of the
   * configuration fixes that.
   */
  readonly misrouted: boolean
  /** Applies a change that another node published. */
  applyRemote(change: Change): void
  setConnected(connected: boolean): void
  setMisrouted(): void
}

/** The channel of LISTEN and NOTIFY. */
export const CHANNEL = 'postern_changes'
/** NOTIFY accepts payloads of less than 8,000 bytes. */
const CHANGES_PER_MESSAGE = 100

/** Further work in the transaction of the changes, right before its commit. */
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
      const publish: Publish = (input, affects = 'status') => {
        const change = normalizeId(input)
        emitted.push(change)
        publishedChanges.push({ change, affects })
      }
      try {
        return await db.transaction(async em => {
          // What an attempt that was rolled back did has not happened.
          publishedChanges.length = 0
          const result = await work(em, publish)
          await em.flush()
          // PostgreSQL delivers notifications at the commit. beforeCommit runs last, since it may take a lock that other
          // transactions wait for.
          if (!db.embedded) await notify(em, emitted)
          await beforeCommit(em, publishedChanges)
          return result
        })
      } finally {
        // Also after an error: if the response to the commit was lost, the commit happened nevertheless.
        emitted.forEach(emit)
      }
    },
  }
}

const idOf = (change: Change) => ('id' in change ? change.id : undefined)

/** PostgreSQL accepts a UUID in upper or lower case, and the id may come from a URL; caches use lower case. */
const normalizeId = (change: Change): Change => ('id' in change ? { ...change, id: change.id.toLowerCase() } : change)

const NOTIFY = 'select pg_notify(?, message) from jsonb_array_elements_text(?) as message'

async function notify(em: Em, changes: Change[]): Promise<void> {
  const messages: string[] = []
  for (let i = 0; i < changes.length; i += CHANGES_PER_MESSAGE)
    messages.push(JSON.stringify(changes.slice(i, i + CHANGES_PER_MESSAGE)))
  if (messages.length > 0) await em.execute(NOTIFY, [CHANNEL, JSON.stringify(messages)])
}
