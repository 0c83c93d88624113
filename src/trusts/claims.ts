import type { JWTPayload } from 'jose'

/**
 * The value of a claim as text. A name with slashes that is not a claim itself is a path into nested claims.
 * @returns undefined if there is none, or it is a list or an object
 * @example claimOf({ 'kubernetes.io': { namespace: 'shop' } }, 'kubernetes.io/namespace') // 'shop'
 */
export function claimOf(payload: JWTPayload, name: string): string | undefined {
  const value = memberOf(payload, name) ?? name.split('/').reduce<unknown>(memberOf, payload)
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : undefined
}

const memberOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined

/**
 * Whether a value matches a pattern. `*` stands for any characters but a colon: issuers separate the parts of `sub` by
 * colons, so no part can be made to look like the next one.
 * @example matchesPattern('repo:acme/*:ref:refs/heads/main', 'repo:acme/shop:ref:refs/heads/main') // true
 */
export function matchesPattern(pattern: string, value: string): boolean {
  if (!pattern.includes('*')) return pattern === value
  const [patterns, values] = [pattern.split(':'), value.split(':')]
  return patterns.length === values.length && patterns.every((part, i) => matchesPart(part, values[i] as string))
}

/** Linear in the length of the value: each piece is taken where it first occurs. */
function matchesPart(pattern: string, value: string): boolean {
  const pieces = pattern.split('*')
  const [first, last] = [pieces[0] as string, pieces.at(-1) as string]
  if (pieces.length === 1) return pattern === value
  if (value.length < first.length + last.length || !value.startsWith(first) || !value.endsWith(last)) return false
  let at = first.length
  const end = value.length - last.length
  for (const piece of pieces.slice(1, -1)) {
    const found = value.indexOf(piece, at)
    if (found < 0 || found + piece.length > end) return false
    at = found + piece.length
  }
  return true
}

/** Whether every claim of a trust matches. */
export const matchesAll = (match: Readonly<Record<string, string>>, payload: JWTPayload): boolean =>
  Object.entries(match).every(([name, pattern]) => {
    const value = claimOf(payload, name)
    return value !== undefined && matchesPattern(pattern, value)
  })

/** The values of the claims to pin; undefined if one is missing. */
export function pinsOf(names: readonly string[], payload: JWTPayload): Record<string, string> | undefined {
  const entries = names.map(name => [name, claimOf(payload, name)] as const)
  if (entries.some(([, value]) => value === undefined)) return undefined
  return Object.fromEntries(entries) as Record<string, string>
}

export const arePinned = (
  pinned: Readonly<Record<string, string>>,
  values: Readonly<Record<string, string>>,
): boolean => Object.entries(values).every(([name, value]) => Object.hasOwn(pinned, name) && pinned[name] === value)
