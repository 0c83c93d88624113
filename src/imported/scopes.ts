import { hash } from 'node:crypto'
import { isAdminScope, LEGACY_PREFIX, WILDCARD } from '../../packages/guard/src/scope-set.ts'
import { StartupError } from '../errors/errors.ts'
import { type Catalogue, USER_READ } from '../scopes/catalogue.ts'
import { RESERVED } from '../scopes/reserved.ts'

/** The content of the file of `--scopes`: our scopes for a scope of the source; an empty list drops it. */
export type ScopeMap = ReadonlyMap<string, readonly string[]>

/** Our scopes for those of a token of another system. */
export type MapScopes = (scopes: readonly string[]) => string[]

/** Scopes of Postern's own routes. A scope of another system with the same name has another meaning. */
const OWN: ReadonlySet<string> = new Set([USER_READ, ...RESERVED.map(({ id }) => id)])
/** Characters that a scope of RFC 6749 §3.3 can have, without the comma. */
const PLAIN = /^[!#-+\--[\]-~]*$/
const MAX_LENGTH = 128

/**
 * Reads a map of scopes: an object such as `{"read": ["orders:read"], "old": []}`.
 * @throws StartupError for anything else, for scopes that are not in the catalogue and for administrative ones
 */
export function readScopeMap(text: string, file: string, catalogue: Catalogue): ScopeMap {
  const entries = Object.entries(parse(text, file)).map(([from, to]): [string, string[]] => {
    const list = typeof to === 'string' ? [to] : to
    if (!Array.isArray(list) || !list.every(one => typeof one === 'string')) {
      throw new StartupError(`${file}: "${from}" must be a list of scopes.`)
    }
    for (const scope of list as string[]) check(scope, file, catalogue)
    return [from, list]
  })
  return new Map(entries)
}

function parse(text: string, file: string): object {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  } catch {
    // The same error as for any other value.
  }
  throw new StartupError(`${file} must contain an object such as {"read": ["orders:read"]}.`)
}

function check(scope: string, file: string, catalogue: Catalogue): void {
  if (isAdminScope(scope)) throw new StartupError(`${file}: no imported token can get ${scope}.`)
  if (scope === WILDCARD || catalogue.has(scope)) return
  if (scope.startsWith(LEGACY_PREFIX) && PLAIN.test(scope) && scope.length <= MAX_LENGTH) return
  throw new StartupError(`${file}: "${scope}" is not a scope of the catalogue.`)
}

/**
 * Makes the function that maps scopes. What the map does not name keeps its name if the catalogue defines it, and otherwise
 * becomes a hidden scope: `legacy:` and the name. `*` stays what it is there: every scope that is not administrative.
 */
export function createMapScopes(map: ScopeMap, catalogue: Pick<Catalogue, 'has'>): MapScopes {
  const known = new Map<string, readonly string[]>()

  function mapOne(scope: string): readonly string[] {
    const mapped = map.get(scope)
    if (mapped) return mapped
    const keepsName = scope === WILDCARD || (catalogue.has(scope) && !OWN.has(scope))
    return [keepsName ? scope : legacyScope(scope)]
  }

  return scopes => {
    const mapped = scopes.flatMap(scope => {
      const cached = known.get(scope) ?? mapOne(scope)
      if (known.size < 10_000) known.set(scope, cached)
      return cached
    })
    return [...new Set(mapped)].sort((a, b) => Number(b === WILDCARD) - Number(a === WILDCARD))
  }
}

/**
 * The hidden scope for one of another system. Characters that a scope cannot have are percent-encoded (RFC 3986 §2.1).
 * @example legacyScope('server:read') // 'legacy:server:read'
 */
export function legacyScope(scope: string): string {
  const encoded = LEGACY_PREFIX + [...scope].map(encode).join('')
  if (encoded.length <= MAX_LENGTH) return encoded
  // The hash keeps two long scopes with the same beginning apart.
  const digest = hash('sha256', scope, 'base64url')
  return `${encoded.slice(0, MAX_LENGTH - digest.length - 1)}~${digest}`
}

/** The percent sign is encoded too, so that two scopes never become the same. */
function encode(character: string): string {
  if (PLAIN.test(character) && character !== '%') return character
  return [...Buffer.from(character)].map(byte => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
}
