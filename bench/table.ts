import { median } from './rounds.ts'

/** One line of a case's table. */
export interface Row {
  what: string
  /** One for each round. */
  values: readonly number[]
  unit?: string
  /** What is asked of the median. */
  atLeast?: number
  atMost?: number
}

/** Median and spread of every row, and whether what is asked was reached. */
export function table(rows: readonly Row[]): string {
  const cells = [['', 'median', 'min – max', 'rounds', 'asked', ''], ...rows.map(line)]
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map(row => row[column]!.length)))
  return cells
    .map(row => row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  '))
    .map(text => `  ${text.trimEnd()}`)
    .join('\n')
}

function line(row: Row): string[] {
  const { what, values, unit = '' } = row
  const middle = median(values)
  const spread = `${short(Math.min(...values))} – ${short(Math.max(...values))}`
  return [what, `${short(middle)}${unit && ` ${unit}`}`, spread, String(values.length), ...asked(row, middle)]
}

function asked({ atLeast, atMost }: Row, value: number): [string, string] {
  if (atLeast !== undefined) return [`≥ ${atLeast}`, value >= atLeast ? 'reached' : 'MISSED']
  if (atMost !== undefined) return [`≤ ${atMost}`, value <= atMost ? 'reached' : 'MISSED']
  return ['', '']
}

function short(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en')
  return value.toFixed(value >= 10 ? 1 : 2)
}
