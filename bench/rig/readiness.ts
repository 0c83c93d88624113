import { setTimeout as pause } from 'node:timers/promises'
import type { Node } from './nodes.ts'

const INTERVAL_MS = 50
/** A node may call itself ready for this long after the primary has gone. */
const MAX_NOTICE_MS = 2_000

interface Sample {
  at: number
  answeredAt: number
  status: number
}

/** What each node said of itself, over time. */
export interface Readiness {
  ended: Promise<unknown>
  /** Milliseconds until a node called itself unready. */
  noticed(node: number, since: number): string
  /** Nodes that called themselves ready without a primary, or responded with another status. */
  violations(killedAt: number, promotedAt: number): string[]
}

/** Asks each node whether it is ready, until the signal. */
export function watchReadiness(nodes: Node[], signal: AbortSignal): Readiness {
  const samples: Sample[][] = nodes.map(() => [])
  async function watch({ url }: Node, i: number): Promise<void> {
    while (!signal.aborted) {
      const at = performance.now()
      const status = await fetch(`${url}/health/ready`).then(
        ({ status }) => status,
        () => 0,
      )
      samples[i]?.push({ at, status, answeredAt: performance.now() })
      await pause(INTERVAL_MS)
    }
  }
  return {
    ended: Promise.all(nodes.map(watch)),
    noticed(node, since) {
      const first = samples[node]?.find(({ at, status }) => at > since && status === 503)
      return first ? (first.at - since).toFixed(0) : 'no'
    },
    violations(killedAt, promotedAt) {
      return samples.flatMap((own, i) => {
        const without = own.filter(({ at, answeredAt }) => at > killedAt + MAX_NOTICE_MS && answeredAt < promotedAt)
        const lies = without.filter(({ status }) => status === 200).length
        const strange = own.filter(({ status }) => ![200, 503].includes(status)).length
        return [
          ...(lies > 0 ? [`node ${i + 1} called itself ready ${lies} times without a primary`] : []),
          ...(strange > 0 ? [`node ${i + 1} gave ${strange} other answers to /health/ready`] : []),
        ]
      })
    },
  }
}
