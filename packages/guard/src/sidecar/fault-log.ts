import { LruCache } from '../lru-cache.ts'
import { PosternError } from '../postern-error.ts'
import type { Log } from './log.ts'

/** Milliseconds between two lines about the same fault. */
const INTERVAL_MS = 10_000
const MAX_FAULTS = 100

/** Logs the responses that are no fault of the client. */
export interface FaultLog {
  report(error: unknown): void
}

/** Every request meets the same fault, so each is logged once in ten seconds, with the number of requests since. */
export function createFaultLog(log: Log): FaultLog {
  const faults = new LruCache<string, { until: number; since: number }>(MAX_FAULTS)
  return {
    report(error) {
      const message = error instanceof Error ? error.message : String(error)
      const known = faults.get(message)
      if (known && performance.now() < known.until) known.since++
      else {
        faults.set(message, { until: performance.now() + INTERVAL_MS, since: 0 })
        write(log, error, message, (known?.since ?? 0) + 1)
      }
    },
  }
}

function write(log: Log, error: unknown, message: string, requests: number): void {
  if (!(error instanceof PosternError)) log.error(message, { requests, stack: (error as Error)?.stack })
  else if (error.status === 503) log.warn(message, { requests, code: error.code, cause: causeOf(error) })
  else log.error(message, { requests, code: error.code })
}

const causeOf = ({ cause }: Error) => (cause instanceof Error ? cause.message : undefined)
