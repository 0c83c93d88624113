import { median } from './rounds.ts'

/** One line of a case's table. */
export interface Row {
  what: string
  /** One value per round. */
  values: readonly number[]
  unit?: string
  /** The target for the median. */
  atLeast?: number
  atMost?: number
}

/**
 * Formats median and spread of every row, and whether the target was reached.
 * @param withTargets false: the run was too short to compare it with targets
 */
export function table(rows: readonly Row[], withTargets: boolean): string {
  const head = ['', 'median', 'min – max', 'rounds', ...(withTargets ? ['target', ''] : [])]
  const cells = [head, ...rows.map(row => [...figure(row), ...(withTargets ? targetCells(row) : [])])]
  const widths = head.map((_, column) => Math.max(...cells.map(row => row[column]!.length)))
  return cells
    .map(row => row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  '))
    .map(text => `  ${text.trimEnd()}`)
    .join('\n')
}

function figure({ what, values, unit = '' }: Row): string[] {
  const spread = `${short(Math.min(...values))} – ${short(Math.max(...values))}`
  return [what, `${short(median(values))}${unit && ` ${unit}`}`, spread, String(values.length)]
}

function targetCells({ values, atLeast, atMost }: Row): [string, string] {
  const value = median(values)
  if (atLeast !== undefined) return [`≥ ${atLeast}`, value >= atLeast ? 'reached' : 'MISSED']
  if (atMost !== undefined) return [`≤ ${atMost}`, value <= atMost ? 'reached' : 'MISSED']
  return ['', '']
}

function short(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en')
  return value.toFixed(value >= 10 ? 1 : 2)
}
