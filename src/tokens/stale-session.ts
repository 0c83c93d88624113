import { isAdminScope } from '../../packages/guard/src/scope-set.ts'
import type { Token } from '../../packages/guard/src/token.ts'
import { notFresh } from '../users/sessions.ts'

const stale = new WeakSet<Token>()

/** Marks the token of a session whose user has not entered the password recently. */
export const setStale = (token: Token): void => void stale.add(token)

/**
 * A session that is not fresh gives no administrative scope to a token, which would outlive it, although it may have the scope
 * itself.
 * @throws 403
 */
export function assertNotStale(token: Token, scopes: readonly string[]): void {
  if (stale.has(token) && scopes.some(isAdminScope)) throw notFresh()
}
