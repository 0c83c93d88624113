import { isAdminScope } from '../../packages/guard/src/scope-set.ts'
import { RESERVED } from './reserved.ts'

/**
 * The rule "administrative scopes are for administrators": whether somebody of this role may have the scope.
 * @param role undefined: nobody's, which is refused like a user
 * @example isForRole('admin:read', 'user') // false
 */
export const isForRole = (id: string, role: string | undefined): boolean => role === 'admin' || !isAdminScope(id)

/**
 * Those of the scopes that somebody of this role may have, in their order.
 * @example scopesForRole(['orders:read', 'admin:read'], 'user') // ['orders:read']
 */
export const scopesForRole = (ids: readonly string[], role: string | undefined): string[] =>
  ids.filter(id => isForRole(id, role))

/** The administrative scopes, which are the same in every catalogue. */
export const ADMIN_SCOPES: readonly string[] = RESERVED.map(({ id }) => id).filter(isAdminScope)

/**
 * SQL: whether a `jsonb` column of scopes holds an administrative one. The function `issue_tokens` states the rule itself,
 * in its migration: test/scopes/admin.test.ts compares it with this one.
 * @param column such as `t.scopes`
 */
export const hasAdminScopeSql = (column: string): string =>
  `(${ADMIN_SCOPES.map(id => `${column} @> '["${id}"]'::jsonb`).join(' or ')})`
