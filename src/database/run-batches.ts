import { PosternError, raise } from '../errors/errors.ts'

/** How far work has come that is done a batch to a transaction. */
export interface Progress {
  /** What this call did: it is committed, whatever becomes of the rest. */
  count: number
  /** false: some may be left, and the same call goes on with them. */
  complete: boolean
}

/** What one transaction did. */
export interface Batch {
  count: number
  /** true: nothing is left. */
  last: boolean
}

/** Rows of a batch: few enough that the locks of one transaction are held for a fraction of a second. */
export const BATCH_SIZE = 1_000

/**
 * Milliseconds for whoever waits on a connection: clients, proxies and balancers give up after 30 seconds or more, and
 * the last batch takes its time too.
 */
export const REQUEST_BUDGET_MS = 15_000

/**
 * Does batches until one is the last, or the time is over. What was done before an error is reported all the same.
 * @param timeoutMs milliseconds after which it begins no further batch
 * @throws 503 when the database fails before anything is done
 */
export async function runBatches(batch: () => Promise<Batch>, timeoutMs: number): Promise<Progress> {
  const end = performance.now() + timeoutMs
  let count = 0
  do {
    const result = await batch().catch(error => (count > 0 && isUnavailable(error) ? undefined : raise(error)))
    if (result === undefined) return { count, complete: false }
    count += result.count
    if (result.last) return { count, complete: true }
  } while (performance.now() < end)
  return { count, complete: false }
}

const isUnavailable = (error: unknown) => error instanceof PosternError && error.status === 503
