import type { GuardHealth } from '../remote/monitor.ts'

/** Upper bounds in seconds. A check from memory takes microseconds; one that asks the issuer, milliseconds up to five seconds. */
const BUCKETS = [0.0001, 0.0005, 0.001, 0.005, 0.025, 0.1, 0.5, 1, 5]
const STATUSES = ['starting', 'ok', 'degraded', 'failed']

/** The metrics of a sidecar. */
export interface Metrics {
  /**
   * @param result `ok`, or the code of the error
   * @param seconds the duration of the check
   */
  checked(result: string, seconds: number): void
  /** The text format of Prometheus, version 0.0.4. */
  render(health: GuardHealth): string
}

export function createMetrics(): Metrics {
  const counts = new Map<string, number>()
  const buckets = new Float64Array(BUCKETS.length + 1)
  let sum = 0
  const startedAt = Date.now() / 1_000 - process.uptime()

  function durations(): string[] {
    let total = 0
    const lines = [...BUCKETS, '+Inf'].map((bound, i) => {
      total += buckets[i] as number
      return `postern_guard_check_duration_seconds_bucket{le="${bound}"} ${total}`
    })
    return [
      ...lines,
      `postern_guard_check_duration_seconds_sum ${sum}`,
      `postern_guard_check_duration_seconds_count ${total}`,
    ]
  }

  return {
    checked(result, seconds) {
      counts.set(result, (counts.get(result) ?? 0) + 1)
      sum += seconds
      let i = 0
      while (i < BUCKETS.length && seconds > (BUCKETS[i] as number)) i++
      buckets[i]!++
    },
    render(health) {
      const { user, system } = process.cpuUsage()
      return [
        ...family('postern_guard_checks_total', 'counter', 'Checks by result: ok, or the code of the error.', [
          ...[...counts].map(([result, count]) => `{result="${result}"} ${count}`),
        ]),
        ...described('postern_guard_check_duration_seconds', 'histogram', 'Duration of checks.'),
        ...durations(),
        ...family('postern_guard_status', 'gauge', 'The state of the connection to the issuer.', [
          ...STATUSES.map(each => `{status="${each}"} ${Number(each === health.status)}`),
        ]),
        ...gauge('postern_guard_feed_live', 'Whether the event feed is up to date.', Number(health.feed === 'live')),
        ...gauge('postern_guard_stale', 'Whether the statuses in memory are too old.', Number(health.stale)),
        ...gauge('postern_guard_problems', 'Current errors of the connection to the issuer.', health.problems.length),
        ...gauge('process_resident_memory_bytes', 'Resident memory.', process.memoryUsage.rss()),
        ...gauge('process_start_time_seconds', 'Start of the process since the epoch.', startedAt),
        ...family('process_cpu_seconds_total', 'counter', 'Processor time.', [` ${(user + system) / 1e6}`]),
        '',
      ].join('\n')
    },
  }
}

const described = (name: string, type: string, help: string) => [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`]

const family = (name: string, type: string, help: string, samples: string[]) => [
  ...described(name, type, help),
  ...samples.map(sample => name + sample),
]

const gauge = (name: string, help: string, value: number) => family(name, 'gauge', help, [` ${value}`])
