import { FetchError } from './error.ts'

/** How many fetches run at the same time, in all and to one host. */
const MAX_FETCHES = 32
const MAX_FETCHES_PER_HOST = 4

/** Bounds how many fetches run at the same time. */
export interface Slots {
  /** @param host without the port: one host has many. @returns a function that frees the slot. @throws FetchError `busy` */
  take(host: string): () => void
}

/** Nobody waits for a slot: a queue of slow hosts would hold up whoever comes last. */
export function createSlots(): Slots {
  const perHost = new Map<string, number>()
  let taken = 0

  function free(host: string): void {
    taken--
    const left = (perHost.get(host) ?? 1) - 1
    if (left > 0) perHost.set(host, left)
    else perHost.delete(host)
  }

  return {
    take(host) {
      const ofHost = perHost.get(host) ?? 0
      if (taken >= MAX_FETCHES || ofHost >= MAX_FETCHES_PER_HOST) {
        throw new FetchError('busy', 'Too many documents are being fetched at the moment. Try again.')
      }
      taken++
      perHost.set(host, ofHost + 1)
      return () => free(host)
    },
  }
}
