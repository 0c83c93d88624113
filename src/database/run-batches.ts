import { PosternError, raise } from '../errors/errors.ts'

/** The progress of an operation that runs one transaction per batch. */
export interface Progress {
  /** Number of rows that this call changed. They are committed, even if a later batch failed. */
  count: number
  /** false: rows may remain, and the same call continues with them. */
  complete: boolean
}

/** The result of one transaction. */
export interface Batch {
  count: number
  /** true: no rows remain. */
  last: boolean
}

/** Maximum rows of a batch: few enough that a transaction holds its locks for a fraction of a second. */
export const BATCH_SIZE = 1_000

/**
 * Time budget of an HTTP request in milliseconds: clients, proxies and load balancers time out after 30 seconds or more,
 * and the last batch may exceed the budget.
 */
export const REQUEST_BUDGET_MS = 15_000

/**
 * Runs batches until one is the last or the time is up. If the database becomes unavailable after the first batch, it
 * returns the progress so far.
 * @param timeoutMs milliseconds after which it starts no further batch
 * @throws 503 when the database is unavailable before the first batch has committed
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
