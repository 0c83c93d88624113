/** @param sorted ascending */
export function percentile(sorted: readonly number[], part: number): number {
  if (sorted.length === 0) return Number.NaN
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** One measured run, and the reference runs before and after it. */
export interface Sandwich<T> {
  before: T
  measured: T
  after: T
}

/**
 * Measures cases against one reference, in rounds of A B A C A …: each case runs between two runs of the reference, so
 * that other load on the machine affects both.
 * @returns the rounds of each case
 */
export async function sideBySide<T, K extends string>(
  rounds: number,
  reference: () => Promise<T>,
  cases: Record<K, () => Promise<T>>,
): Promise<Record<K, Sandwich<T>[]>> {
  const names = Object.keys(cases) as K[]
  const all = Object.fromEntries(names.map(name => [name, [] as Sandwich<T>[]])) as Record<K, Sandwich<T>[]>
  for (let round = 0; round < rounds; round++) {
    let before = await reference()
    for (const name of names) {
      const measured = await cases[name]()
      const after = await reference()
      all[name].push({ before, measured, after })
      before = after
    }
  }
  return all
}

/** The ratio of measured to reference, for each round. */
export function ratios<T>(rounds: readonly Sandwich<T>[], figure: (run: T) => number): number[] {
  return rounds.map(({ before, measured, after }) => figure(measured) / ((figure(before) + figure(after)) / 2))
}

/** The figure itself, for each round. */
export function figures<T>(rounds: readonly Sandwich<T>[], figure: (run: T) => number): number[] {
  return rounds.map(({ measured }) => figure(measured))
}

/** The figure of the reference, for each round. */
export function references<T>(rounds: readonly Sandwich<T>[], figure: (run: T) => number): number[] {
  return rounds.map(({ before, after }) => (figure(before) + figure(after)) / 2)
}
