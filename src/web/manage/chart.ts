/** A bar chart as an SVG path, in units of its view box, which is HEIGHT high. */
export interface Chart {
  /** Key of its texts. */
  of: 'live' | 'issued' | 'revoked' | 'expiring' | 'failedSignIns'
  width: number
  height: number
  /** All bars as one path, one stroke each. */
  path: string
  total: number
  highest: number
  last: number
  values: string
  /** Midnight UTC of the first bar. */
  from: Date
  to: Date
}

const HEIGHT = 100
/** Distance between two bars. */
const STEP = 10

const DAY_MS = 86_400_000

/** @param from the day of the first value */
export function toChart(of: Chart['of'], values: readonly number[], from: Date): Chart {
  const highest = Math.max(0, ...values)
  const bars = values.map((value, i) => {
    if (value === 0) return ''
    return `M${i * STEP + STEP / 2} ${HEIGHT}V${HEIGHT - Math.max(1, Math.round((value / highest) * HEIGHT))}`
  })
  const total = values.reduce((sum, value) => sum + value, 0)
  const last = values.at(-1) ?? 0
  const to = new Date(from.getTime() + (values.length - 1) * DAY_MS)
  const said = { total, highest, last, values: values.join(' '), from, to }
  return { of, width: values.length * STEP, height: HEIGHT, path: bars.join(''), ...said }
}
