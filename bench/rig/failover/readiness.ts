import { setTimeout as pause } from 'node:timers/promises'

const INTERVAL_MS = 50
/** A node may call itself ready for this long after the primary has gone. */
const MAX_NOTICE_MS = 2_000
const READY = 200
const UNREADY = 503

interface Sample {
  at: number
  answeredAt: number
  /** 0: no response. */
  status: number
}

/** When a run changed what is true. Times are monotonic, in milliseconds. */
export interface Phases {
  struckAt: number
  promotingAt: number
  /** When each node wrote again. */
  recoveredAt: (number | undefined)[]
  /** The nodes were stopped and started in between, so they may not respond until they have recovered. */
  restarted: boolean
}

/** What each node said of itself, over time. */
export interface Readiness {
  ended: Promise<unknown>
  /** Milliseconds until a node called itself unready. */
  noticed(node: number, since: number): string
  /** What nodes said that was not true. */
  violations(phases: Phases): string[]
}

/**
 * Asks each node whether it is ready, until the signal.
 * @param urls what to ask: the health check of each node
 */
export function watchReadiness(urls: string[], signal: AbortSignal): Readiness {
  const samples: Sample[][] = urls.map(() => [])
  async function watch(url: string, i: number): Promise<void> {
    while (!signal.aborted) {
      const at = performance.now()
      const status = await fetch(url).then(
        ({ status }) => status,
        () => 0,
      )
      samples[i]?.push({ at, status, answeredAt: performance.now() })
      await pause(INTERVAL_MS)
    }
  }
  return {
    ended: Promise.all(urls.map(watch)),
    noticed(node, since) {
      const first = samples[node]?.find(({ at, status }) => at > since && status !== READY)
      return first ? (first.answeredAt - since).toFixed(0) : 'no'
    },
    violations: phases =>
      samples.flatMap((own, i) =>
        lies(own, phases, i).map(({ text, times }) => `node ${i + 1} ${text}, ${times} times`),
      ),
  }
}

function lies(samples: Sample[], { struckAt, promotingAt, recoveredAt, restarted }: Phases, node: number) {
  const recovered = recoveredAt[node] ?? Number.POSITIVE_INFINITY
  const isAway = ({ at, status }: Sample) => restarted && status === 0 && at > struckAt && at < recovered
  const count = (text: string, isLie: (sample: Sample) => boolean) => ({ text, times: samples.filter(isLie).length })
  return [
    count('called itself ready without a primary', ({ at, answeredAt, status }) => {
      return status === READY && at > struckAt + MAX_NOTICE_MS && answeredAt < promotingAt
    }),
    count('called itself unready while there was a primary', ({ at, answeredAt, status }) => {
      const isServing = answeredAt < struckAt || at > recovered + MAX_NOTICE_MS
      return status === UNREADY && isServing
    }),
    count('gave another answer to its health check', sample => {
      return ![READY, UNREADY].includes(sample.status) && !isAway(sample)
    }),
  ].filter(({ times }) => times > 0)
}
