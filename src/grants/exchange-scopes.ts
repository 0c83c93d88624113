import { WILDCARD } from '../../packages/guard/src/scope-set.ts'
import { invalidScope } from '../errors/protocol.ts'
import { scopesForRole } from '../scopes/admin.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { requestedScopes } from '../scopes/requested.ts'
import type { Role } from '../users/user.entity.ts'

/**
 * What a holder keeps of the scopes of a personal token: those asked for, or all of them, `*` too; but none that has left
 * the catalogue, which nothing new gets.
 * @param scope space-delimited, as sent
 * @throws 400 `invalid_scope` that names what the token lacks
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
  throw invalidScope(`${[...new Set(missing)].join(', ')}: the token does not have it.`)
}
