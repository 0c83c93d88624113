import { isIssuerRefusal } from './issuer-refusal.ts'

/** The state of a guard, for health checks and metrics. */
export interface GuardHealth {
  /**
   * - `starting`: keys or feed were never loaded
   * - `ok`: everything is up to date
   * - `degraded`: a request to the issuer fails; tokens are checked from memory for `maxStalenessSeconds`
   * - `failed`: the issuer permanently refuses this guard
   */
  status: 'starting' | 'ok' | 'degraded' | 'failed'
  /** Whether the issuer's keys are in memory. */
  keys: boolean
  /** Whether the event feed is connected and up to date; null for a guard without a client, which does not follow it. */
  feed: 'live' | 'lost' | null
  /**
   * Whether no status in memory is recent enough to accept a token: older than `maxStalenessSeconds`, or there is none and a
   * request to the issuer fails. Every check then asks the issuer, and fails with 503 while that fails.
   */
  stale: boolean
  /** The current errors, with what to do about each. */
  problems: string[]
}

export type Part = 'metadata' | 'audience' | 'keys' | 'lists' | 'feed' | 'introspection' | 'usage'

/** Collects the current errors of a guard, one for each part. */
export interface Monitor {
  ok(part: Part): void
  failed(part: Part, error: unknown): void
  readonly problems: string[]
  /** The first permanent refusal by the issuer. */
  readonly refusal: Error | undefined
}

/** @param onRefused called once for each permanent refusal, and again when it recurs after a success */
export function createMonitor(onRefused: (error: Error) => void): Monitor {
  const current = new Map<Part, Error>()
  const reported = new Map<Part, string>()

  return {
    ok(part) {
      current.delete(part)
      reported.delete(part)
    },
    failed(part, error) {
      const reason = error instanceof Error ? error : new Error(String(error))
      current.set(part, reason)
      if (!isIssuerRefusal(reason)) return
      // One wrong secret makes feed, introspection and usage reports fail with the same message.
      const alreadyReported = [...reported.values()].includes(reason.message)
      reported.set(part, reason.message)
      if (!alreadyReported) onRefused(reason)
    },
    get problems() {
      return [...new Set([...current.values()].map(error => error.message))]
    },
    get refusal() {
      return [...current.values()].find(isIssuerRefusal)
    },
  }
}
