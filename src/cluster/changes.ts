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
export type Affects = 'status' | 'role' | 'nothing'

/** @param affects `status` unless given: to write too many status events is slow, to write too few is unsafe */
export type Announce = (change: Change, affects?: Affects) => void

/** A change and what it affects, for whoever writes status events in its transaction. */
export interface Announced {
  change: Change
  affects: Affects
}

/** How a change is made: in one transaction, obeyed here before the caller hears of it, and told to every other node. */
export interface Changes {
  transaction<T>(work: (em: Em, announce: Announce) => Promise<T>): Promise<T>
  /**
   * The same by one statement, which tells the other nodes by itself.
   * @param asked obeyed here in any case: a commit whose answer was lost has happened all the same, and whoever made
   *   the change before may not be heard of yet. What else it changed is heard from the database then.
   * @param work makes the change, and tells what it was
   */
  obeying(asked: readonly Change[], work: () => Promise<readonly Change[]>): Promise<void>
  subscribe(listener: (change: Change) => void): void
  /**
   * Reads from the database.
   * @param keep is given what was read and all that was told meanwhile: it may be as it was before that. Nothing is told
   *   before it returns.
   */
  reading<T, R>(read: () => Promise<T>, keep: (value: T, meanwhile: readonly Change[]) => R): Promise<R>
  /** Counts what was told. */
  readonly count: number
  /** false: this node cannot hear the others, and must ask the database for everything. */
  readonly hearing: boolean
  /** true: what is sent through the pool does not arrive where this node listens; only the configuration mends that. */
  readonly misrouted: boolean
  /** A change that another node made. */
  hear(change: Change): void
  setHearing(hearing: boolean): void
  setMisrouted(): void
}

/** The channel of LISTEN and NOTIFY. */
export const CHANNEL = 'postern_changes'
/** NOTIFY takes payloads below 8,000 bytes. */
const CHANGES_PER_MESSAGE = 100

/** What else belongs to a change, in its transaction and after everything else in it. */
export type WriteDown = (em: Em, announced: readonly Announced[]) => Promise<void>

export function createChanges(db: Database, writeDown: WriteDown = async () => {}): Changes {
  const listeners: ((change: Change) => void)[] = []
  const readings = new Set<Change[]>()
  let count = 0
  let hearing = db.embedded
  let misrouted = false

  function tell(change: Change): void {
    count++
    for (const listener of listeners) listener(change)
    for (const meanwhile of readings) meanwhile.push(change)
  }

  return {
    get count() {
      return count
    },
    get hearing() {
      return hearing
    },
    get misrouted() {
      return misrouted
    },
    subscribe: listener => void listeners.push(listener),
    async reading(read, keep) {
      const meanwhile: Change[] = []
      readings.add(meanwhile)
      try {
        return keep(await read(), meanwhile)
      } finally {
        readings.delete(meanwhile)
      }
    },
    hear: tell,
    setHearing(now) {
      if (now && !hearing) tell({ kind: 'everything' })
      hearing = now
      if (now) misrouted = false
    },
    setMisrouted() {
      misrouted = true
    },
    async obeying(asked, work) {
      const made: Change[] = []
      try {
        made.push(...(await work()))
      } finally {
        const known = new Set(made.map(idOf))
        for (const change of [...made, ...asked.filter(each => !known.has(idOf(each)))]) tell(change)
      }
    },
    async transaction(work) {
      const made: Change[] = []
      const announced: Announced[] = []
      const announce: Announce = (given, affects = 'status') => {
        const change = canonical(given)
        made.push(change)
        announced.push({ change, affects })
      }
      try {
        return await db.transaction(async em => {
          const result = await work(em, announce)
          await em.flush()
          // Told with the commit all the same; what is written down may hold a lock that others wait for.
          if (!db.embedded) await notify(em, made)
          await writeDown(em, announced)
          return result
        })
      } finally {
        // Also after an error: a commit whose answer was lost has happened all the same.
        made.forEach(tell)
      }
    },
  }
}

const idOf = (change: Change) => ('id' in change ? change.id : undefined)

/** In a path an id may have letters of either case and names the same row; memory knows one spelling. */
const canonical = (change: Change): Change => ('id' in change ? { ...change, id: change.id.toLowerCase() } : change)

async function notify(em: Em, changes: Change[]): Promise<void> {
  for (let i = 0; i < changes.length; i += CHANGES_PER_MESSAGE) {
    const payload = JSON.stringify(changes.slice(i, i + CHANGES_PER_MESSAGE))
    await em.execute('select pg_notify(?, ?)', [CHANNEL, payload])
  }
}
