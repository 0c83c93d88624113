import { isIssuerRefusal } from './issuer-refusal.ts'

/** How a guard is, for a health check and for metrics. */
export interface GuardHealth {
  /**
   * `starting`: nothing was had of the issuer yet; `ok`; `degraded`: the issuer cannot be reached, and tokens are checked
   * by what is in memory for as long as that may be; `failed`: the issuer refuses this guard, and waiting will not help.
   */
  status: 'starting' | 'ok' | 'degraded' | 'failed'
  /** The keys of the issuer are in memory. */
  keys: boolean
  /** The event feed: followed now, or lost; null for a guard without a client, which does not follow it. */
  feed: 'live' | 'lost' | null
  /** What is wrong, one sentence each, with what to do about it. */
  problems: string[]
}

export type Part = 'metadata' | 'audience' | 'keys' | 'lists' | 'feed' | 'introspection' | 'usage'

/** What goes wrong between a guard and its issuer, by the part that it goes wrong for. */
export interface Monitor {
  ok(part: Part): void
  failed(part: Part, error: unknown): void
  readonly problems: string[]
  /** The first refusal that waiting will not mend. */
  readonly refusal: Error | undefined
}

/** @param onRefused called once for each refusal that waiting will not mend, and again when it returns after it was gone */
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
      // One wrong secret fails the feed, introspection and reports alike.
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
