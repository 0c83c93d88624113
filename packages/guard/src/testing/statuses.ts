import type { StatusChange } from '../event-stream.ts'
import { STATUS, type Status, StatusBits } from '../status-bits.ts'

export interface StatusReference {
  list: number
  index: number
}

/** Small enough to compress a list for each request. */
const LIST_SIZE = 4_096

/** The statuses of the tokens of one test issuer. The lists are filled one after the other. */
export function createStatuses() {
  const lists: StatusBits[] = []
  const listeners = new Set<(change: StatusChange) => void>()
  let count = 0
  let sequence = 0

  return {
    get sequence() {
      return sequence
    },
    /** The list with the id n is at index n - 1. */
    lists,
    /** Reserves a status for a new token. */
    take(): StatusReference {
      const reference = { list: Math.floor(count / LIST_SIZE) + 1, index: count % LIST_SIZE }
      count++
      lists[reference.list - 1] ??= new StatusBits(LIST_SIZE)
      return reference
    },
    isValid: ({ list, index }: StatusReference) => lists[list - 1]?.get(index) === STATUS.valid,
    set({ list, index }: StatusReference, status: Status): void {
      lists[list - 1]?.set(index, status)
      const change = { sequence: ++sequence, list, index, status }
      for (const listener of listeners) listener(change)
    },
    subscribe(listener: (change: StatusChange) => void): () => void {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}

export type Statuses = ReturnType<typeof createStatuses>
