import { guardGaveNoToken, insufficientScope } from './errors.ts'
import { type ScopeName, Token } from './token.ts'

/**
 * From a token's text to the token, or an error with its challenge. It answers at once when everything is in memory,
 * and with a promise when something has to be asked.
 */
export type Authenticate = (text: string) => Token | Promise<Token>

/** What a route asks of a token. */
export interface ScopeRequirement {
  mode: 'all' | 'any'
  scopes: readonly string[]
}

/** Any valid token, whatever its scopes. */
export const ANY_TOKEN: ScopeRequirement = Object.freeze({ mode: 'all', scopes: Object.freeze([]) })

/**
 * @throws TypeError without any scope: a list that came out empty must not open a route to every token
 */
export function allOf(scopes: ScopeName[]): ScopeRequirement {
  if (scopes.length === 0) {
    throw new TypeError('checkScopes needs at least one scope; for any valid token use requireToken().')
  }
  return { mode: 'all', scopes: Object.freeze(scopes) }
}

/** @throws TypeError without any scope, since nobody could have one of none */
export function anyOf(scopes: ScopeName[]): ScopeRequirement {
  if (scopes.length === 0)
    throw new TypeError('checkAnyScope needs at least one scope; for any valid token use requireToken().')
  return { mode: 'any', scopes: Object.freeze(scopes) }
}

/** An `authenticate` that answers anything else than a token must not let anyone in. @throws 500 */
export function assertToken(answer: unknown): asserts answer is Token {
  if (!(answer instanceof Token)) throw guardGaveNoToken()
}

/** Notes the scopes as used, too. @throws 403 that names what is needed, what is there and what is missing */
export function assertScopes(token: Token, { mode, scopes }: ScopeRequirement): void {
  const lacking = token.lacks(scopes)
  if (lacking.length > 0 && (mode === 'all' || lacking.length === scopes.length)) {
    throw insufficientScope(mode, scopes, token.scopes, lacking)
  }
  token.noteUse(scopes)
}
