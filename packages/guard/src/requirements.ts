import { guardGaveNoToken, insufficientScope } from './errors.ts'
import { type ScopeName, Token } from './token.ts'

/**
 * Returns the token of a text. It returns synchronously when everything is in memory, and a promise when a request to the
 * issuer or the database is necessary.
 * @throws PosternError with its challenge, such as `invalidToken(…)` for a text that it rejects
 */
export type Authenticate = (text: string) => Token | Promise<Token>

/** The scopes that a route requires. */
export interface ScopeRequirement {
  mode: 'all' | 'any'
  scopes: readonly string[]
}

/** Any valid token, whatever its scopes. */
export const ANY_TOKEN: ScopeRequirement = Object.freeze({ mode: 'all', scopes: Object.freeze([]) })

/**
 * @throws TypeError without a scope: a list that is empty by mistake must not accept every token
 */
export function allOf(scopes: ScopeName[]): ScopeRequirement {
  if (scopes.length === 0) {
    throw new TypeError('checkScopes needs at least one scope; for any valid token use requireToken().')
  }
  return { mode: 'all', scopes: Object.freeze(scopes) }
}

/** @throws TypeError without a scope, since no token could satisfy it */
export function anyOf(scopes: ScopeName[]): ScopeRequirement {
  if (scopes.length === 0)
    throw new TypeError('checkAnyScope needs at least one scope; for any valid token use requireToken().')
  return { mode: 'any', scopes: Object.freeze(scopes) }
}

/** Rejects what a faulty `authenticate` returns. @throws PosternError 500 unless the value is a `Token` */
export function assertToken(value: unknown): asserts value is Token {
  if (!(value instanceof Token)) throw guardGaveNoToken()
}

/**
 * Requires scopes of a token, and records their use.
 * @throws PosternError 403 that names the required, granted and missing scopes
 */
export function assertScopes(token: Token, { mode, scopes }: ScopeRequirement): void {
  const lacking = token.lacks(scopes)
  if (lacking.length > 0 && (mode === 'all' || lacking.length === scopes.length)) {
    throw insufficientScope(mode, scopes, token.scopes, lacking)
  }
  token.noteUse(scopes)
}
