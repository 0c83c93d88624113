import { isAdminScope } from '../../packages/guard/src/scope-set.ts'
import type { Catalogue } from './catalogue.ts'

/**
 * Scope words of OpenID Connect Core (§5.4, §11). Client libraries add them unasked; a plain OAuth 2.0 server cannot
 * grant them. A deployment that lists one of them in its catalogue grants it like any other scope.
 */
export const OIDC_SCOPES = ['openid', 'profile', 'email', 'address', 'phone', 'offline_access'] as const

/**
 * Reads a `scope` parameter (RFC 6749 §3.3). Words of other protocols are dropped, and the `scope` of the response says
 * what is left. A parameter of nothing else counts as not sent.
 * @param scope space-delimited, as sent
 * @returns in the order of the parameter; undefined: no scope was requested
 * @example requestedScopes(catalogue, 'openid orders:read') // ['orders:read']
 */
export function requestedScopes(catalogue: Pick<Catalogue, 'has'>, scope: string | undefined): string[] | undefined {
  const words = scope?.split(' ').filter(Boolean)
  const known = words?.filter(word => !isOidcScope(catalogue, word))
  return words?.length && known?.length === 0 ? undefined : known
}

const isOidcScope = (catalogue: Pick<Catalogue, 'has'>, word: string) =>
  (OIDC_SCOPES as readonly string[]).includes(word) && !catalogue.has(word)

/** The scopes that any client may get from any user: `admin:*` needs an administrator, and a client that names it. */
export const publicScopes = ({ scopes }: Pick<Catalogue, 'scopes'>): string[] =>
  scopes.map(({ id }) => id).filter(id => !isAdminScope(id))
