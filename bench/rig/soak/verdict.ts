import { median } from '../../rounds.ts'
import type { Sample, Vitals } from './vitals.ts'

/** How much more a process may hold in the last third of a soak than in the second one. */
const ALLOWED: Readonly<Record<keyof Vitals, { times: number; more: number }>> = {
  memory: { times: 1.05, more: 8 * 2 ** 20 },
  descriptors: { times: 1.05, more: 3 },
  resources: { times: 1.05, more: 5 },
  lagMs: { times: 1.5, more: 5 },
}
const MORE_CONNECTIONS = 2

export interface Verdict {
  /** A line for each process. */
  lines: string[]
  violations: string[]
}

/** Compares the medians of the second third with those of the last one; the first one is the warm-up. */
export function judge(samples: readonly Sample[]): Verdict {
  const third = Math.floor(samples.length / 3)
  if (third === 0) throw new Error('the soak was too short to compare anything')
  const [before, after] = [samples.slice(third, 2 * third), samples.slice(-third)]
  const lines: string[] = []
  const violations: string[] = []
  for (const name of Object.keys(samples[0]?.processes ?? {})) {
    const compared = (Object.keys(ALLOWED) as (keyof Vitals)[]).map(key => {
      const of = (each: readonly Sample[]) => median(each.map(({ processes }) => processes[name]?.[key] ?? 0))
      const [was, is] = [of(before), of(after)]
      const { times, more } = ALLOWED[key]
      const text = `${LABELS[key]} ${show(key, was)} → ${show(key, is)}`
      if (is > Math.max(was * times, was + more)) violations.push(`${name}: ${text}`)
      return text
    })
    lines.push(`${name}: ${compared.join(', ')}`)
  }
  const connections = [before, after].map(each => median(each.map(({ connections }) => connections)))
  const [was = 0, is = 0] = connections
  lines.push(`database connections ${was} → ${is}`)
  if (is > was + MORE_CONNECTIONS) violations.push(`database connections ${was} → ${is}`)
  return { lines, violations }
}

const LABELS: Readonly<Record<keyof Vitals, string>> = {
  memory: 'memory',
  descriptors: 'descriptors',
  resources: 'resources',
  lagMs: 'p99 of the event loop',
}

const show = (key: keyof Vitals, value: number) => {
  if (key === 'memory') return `${(value / 2 ** 20).toFixed(0)} MiB`
  return key === 'lagMs' ? `${value.toFixed(1)} ms` : value.toFixed(0)
}
