import { getActor } from '../audit/actor.ts'
import type { Throttle } from '../users/throttle.ts'

/** Limits how many documents of clients that nobody consented to one address makes the server fetch. @throws 429 */
export type LimitNewDocuments = () => Promise<void>

/** @returns a limit for `beforeFetch` of a document; it counts the documents and the keys of a client alike */
export function createNewDocumentLimit(throttle: Pick<Throttle, 'limitNewDocuments'>): LimitNewDocuments {
  return async () => {
    const { address, shared = false } = getActor()
    if (address !== null) await throttle.limitNewDocuments({ address, shared })
  }
}
