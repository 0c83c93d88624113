import { WILDCARD } from '../../packages/guard/src/scope-set.ts'
import { invalidScope } from '../errors/protocol.ts'
import { scopesForRole } from '../scopes/admin.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { requestedScopes } from '../scopes/requested.ts'
import type { Role } from '../users/user.entity.ts'

/**
 * Downscopes a personal token for an exchange: to the requested scopes, or to all of its scopes, including `*`. Scopes that
 * were removed from the catalogue are not granted.
 * @param scope space-delimited, as sent
 * @throws 400 `invalid_scope` that names the scopes that the token lacks
 */
export function downscopePersonal(
  catalogue: Catalogue,
  granted: readonly string[],
  scope: string | undefined,
  role: Role | undefined,
): string[] {
  const removed = new Set(catalogue.unknown(granted))
  const available = scopesForRole(granted, role).filter(id => !removed.has(id))
  const requested = requestedScopes(catalogue, scope)
  if (requested === undefined) return available
  const missing = requested.filter(id => !catalogue.covers(available, id) || !(id === WILDCARD || catalogue.has(id)))
  if (missing.length === 0) return catalogue.resolve(requested)
  throw invalidScope(`${[...new Set(missing)].join(', ')}: the token does not have this scope.`)
}
