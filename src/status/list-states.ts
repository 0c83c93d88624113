import type { Database } from '../database/database.ts'
import { readStatuses } from './events.ts'
import { createListState, readStatusLists, type StatusListState } from './list-state.ts'

/** The status lists in memory, by id. */
export class ListStates {
  readonly #db: Database
  readonly #states: Map<number, StatusListState>

  constructor(db: Database, rows: Awaited<ReturnType<typeof readStatusLists>>) {
    this.#db = db
    this.#states = new Map(rows.map(row => [row.id, createListState(row)]))
  }

  get(id: number): StatusListState | undefined {
    return this.#states.get(id)
  }

  /** Also loads a list that another node created after this one loaded all lists. */
  async find(id: number): Promise<StatusListState | undefined> {
    const known = this.#states.get(id)
    if (known) return known
    const row = (await readStatusLists(this.#db)).find(r => r.id === id)
    if (!row) return undefined
    // A concurrent call may have added the list, and changes may have been applied to it already.
    const existing = this.#states.get(id)
    if (existing) return existing
    const list = createListState(row)
    this.#states.set(id, list)
    return list
  }

  /** An expired list is no longer published; its half a megabyte and its signature are dropped. */
  dropExpired(now = Date.now()): void {
    for (const list of this.#states.values()) if (list.expiresAt <= now) this.#states.delete(list.id)
  }

  /** Bytes of memory that the statuses occupy. */
  get bytes(): number {
    return [...this.#states.values()].reduce((sum, list) => sum + list.bits.bytes, 0)
  }
}

/** Reads all lists in one snapshot: an event that is not in them has a higher sequence number than the one returned. */
export async function readSnapshot(db: Database): Promise<{ states: ListStates; sequence: number }> {
  const { rows, statuses, sequence } = await db.transaction(async em => {
    await em.execute('set transaction isolation level repeatable read')
    const [max] = (await em.execute('select coalesce(max(sequence), 0) as last from oauth_status_events')) as [
      { last: unknown },
    ]
    return { rows: await readStatusLists(db, em), statuses: await readStatuses(em), sequence: Number(max.last) }
  })
  const states = new ListStates(db, rows)
  for (const { list, index, status } of statuses) states.get(list)?.bits.set(index, status)
  return { states, sequence }
}
