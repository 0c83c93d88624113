import type { Trust } from './trust.entity.ts'

/**
 * The trust that applies if several match: that with the most exact claims, then that with the most claims.
 * @returns undefined if two are equally specific. They may grant different scopes, so neither is chosen.
 */
export function mostSpecific(trusts: readonly Trust[]): Trust | undefined {
  const [first, second] = trusts.toSorted((a, b) => compare(rank(b), rank(a)))
  return first && second && compare(rank(first), rank(second)) === 0 ? undefined : first
}

const rank = ({ match }: Trust) => {
  const patterns = Object.values(match)
  return [patterns.filter(pattern => !pattern.includes('*')).length, patterns.length] as const
}

const compare = (a: readonly [number, number], b: readonly [number, number]) => a[0] - b[0] || a[1] - b[1]
