import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import { isUnavailable } from '../database/run-batches.ts'
import { advance, type BatchOptions, fail, NEXT, type Row, understands } from './batch.ts'

/** Runs operations in the background. */
export interface Runner {
  /** An operation was stored. */
  wake(): void
  /** Waits for the batch that is running. Another node, or the next start, continues with the next one. */
  close(): Promise<void>
}

export interface RunnerOptions extends BatchOptions {
  bus: InvalidationBus
  onError: (error: unknown, operation: string | undefined) => void
}

/** Milliseconds between two looks for operations whose node has ended. */
const POLL_MS = 2_000

/** Runs the batches of operations one after the other, those of several operations in turn. */
export function createRunner(options: RunnerOptions): Runner {
  const { db, bus, kinds, onError } = options
  const names = JSON.stringify([...kinds.keys()])
  let closed = false
  let wokenMeanwhile = false
  let running: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined

  function schedule(ms: number): void {
    clearTimeout(timer)
    if (!closed) timer = setTimeout(run, ms).unref()
  }

  function run(): void {
    wokenMeanwhile = false
    running = runAll().finally(() => {
      running = undefined
      schedule(wokenMeanwhile ? 0 : POLL_MS)
    })
  }

  async function runAll(): Promise<void> {
    const skipped: string[] = []
    while (!closed && (await runNext(skipped)));
  }

  /** @param skipped ids of those that only a later version can run @returns whether there may be another batch */
  async function runNext(skipped: string[]): Promise<boolean> {
    let row: Row | undefined
    try {
      return await bus.transaction(async (em, publish) => {
        row = (await db.query<Row>(NEXT, [names, JSON.stringify(skipped)], em))[0]
        if (!row) return false
        if (understands(options, row)) await advance(options, em, publish, row)
        else skipped.push(row.id)
        return true
      })
    } catch (error) {
      onError(error, row?.id)
      return row !== undefined && noteFailure(row, error)
    }
  }

  /** @returns whether others can go on: without the database there is nothing to run */
  async function noteFailure(row: Row, error: unknown): Promise<boolean> {
    try {
      await fail(options, row, isUnavailable(error))
      return true
    } catch (failure) {
      onError(failure, row.id)
      return false
    }
  }

  run()
  return {
    wake() {
      wokenMeanwhile = true
      if (!running) schedule(0)
    },
    async close() {
      closed = true
      clearTimeout(timer)
      await running
    },
  }
}
