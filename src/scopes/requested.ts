import { isAdminScope } from '../../packages/guard/src/scope-set.ts'
import type { Catalogue } from './catalogue.ts'

/**
 * Scope values of OpenID Connect Core (§5.4, §11). Many client libraries request them by default, but a plain OAuth 2.0
 * server cannot grant them. A deployment that lists one of them in its catalogue grants it like any other scope.
 */
export const OIDC_SCOPES = ['openid', 'profile', 'email', 'address', 'phone', 'offline_access'] as const

/**
 * Parses a `scope` parameter (RFC 6749 §3.3). OpenID Connect scopes are ignored, and the `scope` of the response lists the
 * granted ones. A parameter that contains nothing else counts as absent.
 * @param scope the space-delimited value
 * @returns the requested scopes in the order of the parameter; undefined: no scope was requested
 * @example requestedScopes(catalogue, 'openid orders:read') // ['orders:read']
 */
export function requestedScopes(catalogue: Pick<Catalogue, 'has'>, scope: string | undefined): string[] | undefined {
  const words = scope?.split(' ').filter(Boolean)
  const known = words?.filter(word => !isOidcScope(catalogue, word))
  return words?.length && known?.length === 0 ? undefined : known
}

const isOidcScope = (catalogue: Pick<Catalogue, 'has'>, word: string) =>
  (OIDC_SCOPES as readonly string[]).includes(word) && !catalogue.has(word)

/** The scopes that any client may get from any user. `admin:*` is only for administrators and clients registered for it. */
export const publicScopes = ({ scopes }: Pick<Catalogue, 'scopes'>): string[] =>
  scopes.map(({ id }) => id).filter(id => !isAdminScope(id))
