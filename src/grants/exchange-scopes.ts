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
export function ownScopes(
  catalogue: Catalogue,
  granted: readonly string[],
  scope: string | undefined,
  role: Role | undefined,
): string[] {
  const left = new Set(catalogue.unknown(granted))
  const has = scopesForRole(granted, role).filter(id => !left.has(id))
  const asked = requestedScopes(catalogue, scope)
  if (asked === undefined) return has
  const lacking = asked.filter(id => !catalogue.covers(has, id) || !(id === WILDCARD || catalogue.has(id)))
  if (lacking.length === 0) return catalogue.resolve(asked)
  throw invalidScope(`${[...new Set(lacking)].join(', ')}: the token does not have it.`)
}
