import type { StatusChange } from '../../packages/guard/src/event-stream.ts'
import type { Database } from '../database/database.ts'
import { MAX_EVENTS, readStatusEvents } from './events.ts'
import { applyChange, type StatusListState } from './list-state.ts'
import { type ListStates, readSnapshot } from './list-states.ts'

/** The status lists in memory, without scheduling: each call of `readNewEvents` must wait for the previous one. */
export interface ListCache {
  /** Sequence number of the last event that is in the lists. */
  readonly sequence: number
  /** Bytes of memory that the statuses occupy. */
  readonly bytes: number
  /** The list with this id; undefined: it does not exist or has expired. */
  find(id: number): Promise<StatusListState | undefined>
  /** Loads the lists if necessary, and applies events up to `MAX_EVENTS`. @returns true: there may be more events */
  readNewEvents(): Promise<boolean>
  /**
   * Applies the event of a notification without a read if it is the next one.
   * @param isReading a read is in progress
   * @returns false: a read is needed
   */
  applyPublished(event: StatusChange, isReading: boolean): boolean
  /** Notifications were missed, perhaps during a failover that lost the last commits: the next read reloads the lists. */
  suspectGap(): void
}

/** @param emit called with each batch of changes once it is in the lists; with undefined when the changes are unknown */
export function createListCache(db: Database, emit: (changes: readonly StatusChange[] | undefined) => void): ListCache {
  let states: ListStates | undefined
  let sequence = 0
  let gapSuspected = false

  async function load(): Promise<void> {
    const loaded = await readSnapshot(db)
    states = loaded.states
    sequence = loaded.sequence
  }

  /** Reloads after missed notifications. @returns the changes not emitted yet; undefined: the sequence went backwards */
  async function reload(): Promise<StatusChange[] | undefined> {
    const previous = sequence
    gapSuspected = false
    try {
      await load()
    } catch (error) {
      gapSuspected = true
      throw error
    }
    if (sequence < previous) return undefined
    const events = sequence > previous ? await readStatusEvents(db, previous) : []
    return events.length < MAX_EVENTS ? events.filter(event => event.sequence <= sequence) : undefined
  }

  async function apply(event: StatusChange): Promise<void> {
    const list = await find(event.list)
    if (list) applyChange(list, event)
    sequence = event.sequence
  }

  async function find(id: number): Promise<StatusListState | undefined> {
    const found = await states?.find(id)
    // A reload may have replaced the lists meanwhile.
    return states?.get(id) ?? found
  }

  return {
    get sequence() {
      return sequence
    },
    get bytes() {
      return states?.bytes ?? 0
    },
    find,
    async readNewEvents() {
      states?.dropExpired()
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
      return events.length === MAX_EVENTS
    },
    applyPublished(event, isReading) {
      if (event.sequence <= sequence && !gapSuspected) return true
      const list = states?.get(event.list)
      if (isReading || gapSuspected || !list || event.sequence !== sequence + 1) return false
      applyChange(list, event)
      sequence = event.sequence
      emit([event])
      return true
    },
    suspectGap() {
      gapSuspected = true
    },
  }
}
