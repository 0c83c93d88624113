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

/** Where work of many batches stands: what the next batch continues with, as JSON. */
export type WorkState = Readonly<Record<string, string>>

/** A batch of work that any node can continue. */
export interface Step extends Batch {
  state: WorkState
}

/** What a batch of such work starts from. */
export interface StepOptions {
  /** The state after the batch before; default: the start. */
  state?: WorkState
  /** Maximum rows; default: {@link BATCH_SIZE}. */
  size?: number
}

/** Maximum rows of a batch: few enough that a transaction holds its locks for a fraction of a second. */
export const BATCH_SIZE = 1_000

/**
 * Time budget of an HTTP request in milliseconds: people wait that long, proxies and load balancers time out after 30 seconds
 * or more, and the last batch may exceed the budget.
 */
export const REQUEST_BUDGET_MS = 5_000

/** Limits of work that runs in this process, and whom it reports to. */
export interface RunOptions {
  /** Milliseconds after which it starts no further batch; default: no limit. */
  timeoutMs?: number | undefined
  /** Called after each batch with the total so far. */
  onProgress?: ((count: number) => void) | undefined
}

/**
 * Runs steps until one is the last or the time is up, each with the state of the one before.
 * @throws as `runBatches`
 */
export function runSteps(
  step: (state: WorkState) => Promise<Step>,
  { timeoutMs = Infinity, onProgress = () => {} }: RunOptions = {},
): Promise<Progress & { state: WorkState }> {
  let state: WorkState = {}
  let count = 0
  const next = async () => {
    const done = await step(state)
    state = done.state
    count += done.count
    onProgress(count)
    return done
  }
  return runBatches(next, timeoutMs).then(progress => ({ ...progress, state }))
}

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

/** true: the database did not answer, as far as this call knows. */
export const isUnavailable = (error: unknown): boolean => error instanceof PosternError && error.status === 503
