import { common, isAdminScope } from '../../packages/guard/src/scope-set.ts'
import { RESERVED } from './reserved.ts'

/**
 * The rule "administrative scopes are for administrators": whether a user with this role may have the scope.
 * @param role undefined: no user; treated like the role `user`
 * @example isForRole('admin:read', 'user') // false
 */
export const isForRole = (id: string, role: string | undefined): boolean => role === 'admin' || !isAdminScope(id)

/**
 * The scopes that a user with this role may have, in the order given.
 * @example scopesForRole(['orders:read', 'admin:read'], 'user') // ['orders:read']
 */
export const scopesForRole = (ids: readonly string[], role: string | undefined): string[] =>
  ids.filter(id => isForRole(id, role))

/**
 * The scopes that a user may have whom the groups of a directory limit.
 * @param allowed the limit; null or undefined: none
 * @param inherit whether the catalogue's scopes include those below them
 * @example limitScopes(['orders:read', 'reports'], ['orders:read'], false) // ['orders:read']
 */
export const limitScopes = (
  ids: readonly string[],
  allowed: readonly string[] | null | undefined,
  inherit: boolean,
): string[] => (allowed ? common(ids, allowed, inherit) : [...ids])

/** The administrative scopes, which are the same in every catalogue. */
export const ADMIN_SCOPES: readonly string[] = RESERVED.map(({ id }) => id).filter(isAdminScope)

/**
 * SQL expression: whether a `jsonb` column of scopes contains an administrative scope. The SQL function `issue_tokens`
 * contains the same rule in its migration; test/scopes/admin.test.ts compares the two.
 * @param column such as `t.scopes`
 */
export const hasAdminScopeSql = (column: string): string =>
  `(${ADMIN_SCOPES.map(id => `${column} @> '["${id}"]'::jsonb`).join(' or ')})`
