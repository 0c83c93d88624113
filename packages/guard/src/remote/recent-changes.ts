import type { StatusChange } from '../event-stream.ts'
import type { StatusList } from './list-fetcher.ts'

/** The maximum number of events that are stored to update a list signed before them. */
const MAX_CHANGES = 10_000

/** The latest events of the feed, and the sequence number from which they are complete. */
export class RecentChanges {
  #changes: StatusChange[] = []
  /** The feed has delivered every event after this sequence number; undefined before the first one. */
  #start: number | undefined

  get started(): boolean {
    return this.#start !== undefined
  }

  /** The feed delivers every event after this sequence number. */
  restart(sequence: number): void {
    this.#start = sequence
    this.#changes = []
  }

  add(change: StatusChange): void {
    this.#changes.push(change)
    if (this.#changes.length <= MAX_CHANGES * 2) return
    this.#start = this.#changes.at(-MAX_CHANGES - 1)?.sequence
    this.#changes = this.#changes.slice(-MAX_CHANGES)
  }

  /** Whether the feed has delivered every event since the list was signed. */
  cover({ sequence }: Pick<StatusList, 'sequence'>): boolean {
    return this.#start !== undefined && sequence !== undefined && sequence >= this.#start
  }

  /** Applies the events that are newer than the list, which then has the sequence number of the last one. */
  applyTo(uri: string, list: StatusList): void {
    for (const change of this.#changes) applyChange(uri, list, change)
    if (this.cover(list)) list.sequence = Math.max(list.sequence ?? 0, this.#changes.at(-1)?.sequence ?? 0)
  }
}

/** @returns whether the change is one of this list, and newer than it */
export function applyChange(uri: string, { bits, sequence = 0 }: StatusList, change: StatusChange): boolean {
  const applies = listNumber(uri) === change.list && change.sequence > sequence
  if (applies) bits.set(change.index, change.status)
  return applies
}

const listNumber = (uri: string) => Number(uri.slice(uri.lastIndexOf('/') + 1))
