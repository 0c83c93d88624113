import { common, isAdminScope, WILDCARD } from '../../packages/guard/src/scope-set.ts'
import type { Client, GrantType } from '../clients/client.entity.ts'
import type { Config } from '../config/config.ts'
import { invalidScope, invalidTarget } from '../errors/protocol.ts'
import { isForRole } from '../scopes/admin.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { requestedScopes } from '../scopes/requested.ts'
import type { Target, Targets } from '../tokens/target.ts'
import type { Role } from '../users/user.entity.ts'

/** What a client may have, from whom, for how long: the questions that every grant asks. */
export interface ClientPolicy {
  /**
   * What a request for scopes comes to: all of what was asked for, or the defaults that the client may have.
   * @param scope space-delimited, as sent (RFC 6749 §3.3)
   * @param role of the user on whose behalf; undefined: the client acts for itself
   * @throws 400 `invalid_scope` that names what the client may not have
   */
  scopes(client: Client, scope: string | undefined, role?: Role): string[]
  /**
   * What a request for some of the scopes granted before comes to: those asked for, or all that the client may still
   * have.
   * @param scope space-delimited, as sent
   * @throws 400 `invalid_scope` that names what was not granted (RFC 6749 §6)
   */
  downscope(client: Client, granted: readonly string[], scope: string | undefined, role?: Role): string[]
  /**
   * The resources that `resource` parameters name (RFC 8707 §2), as a row's `audience`; null: none.
   * @param resource as sent, separated by spaces
   * @throws 400 `invalid_target`
   */
  audience(resource: string | undefined): Promise<string | null>
  /**
   * What a request that may name resources comes to. Called before a transaction begins, used in it.
   * @param resource as sent, separated by spaces
   * @throws 400 `invalid_target` for one that is not registered
   */
  grantTarget(resource: string | undefined): Promise<GrantTarget>
  /** When a token issued now expires: by the client, by the grant, or by default, in that order. */
  expiry(client: Client, grant: GrantType): Date
}

/** What a request for a token says of resources. */
export interface GrantTarget {
  /** The `audience` of a row; null: they come to naming none. undefined: none was named. */
  readonly requested: string | null | undefined
  /**
   * Some of the resources that a grant is for, or all (RFC 8707 §2.2); any of them, where it named none and is for all.
   * @param granted the `audience` of the grant
   * @throws 400 `invalid_target` for one that was not granted
   */
  narrow(granted: string | null): string | null
  /**
   * What a token is for: the resources that its scopes belong to, where none is named; without the scopes of other
   * resources, where some are.
   * @throws 400 `invalid_target` when that leaves none of the scopes
   */
  resolve(scopes: string[], audience: string | null): Target
}

export interface ClientPolicyOptions {
  catalogue: Catalogue
  targets: Targets
  config: Pick<Config, 'accessTokenLifetime' | 'clientCredentialsLifetime'>
}

export function createClientPolicy({ catalogue, targets, config }: ClientPolicyOptions): ClientPolicy {
  async function audience(resource: string | undefined): Promise<string | null> {
    const named = split(resource ?? '')
    if (named.length > MAX_RESOURCES) throw invalidTarget(`A token is for at most ${MAX_RESOURCES} resources.`)
    return targets.resolve(named, i => invalidTarget(`No resource server is registered under ${named[i]}.`))
  }

  function scopes(client: Client, scope: string | undefined, role?: Role): string[] {
    const isAllowed = (id: string) => isScopeAllowed(catalogue, client, id, role)
    const requested = requestedScopes(catalogue, scope)
    if (requested === undefined) return catalogue.defaults.filter(isAllowed)
    const denied = requested.filter(id => id === WILDCARD || !catalogue.has(id) || !isAllowed(id))
    if (denied.length > 0) throw invalidScope(`The client may not have ${list(denied)}.`)
    return catalogue.resolve(requested)
  }

  return {
    scopes,

    downscope(client, granted, scope, role) {
      const requested = requestedScopes(catalogue, scope)
      if (requested === undefined) {
        const ids = common(expandWildcard(catalogue, granted), client.scopes ?? [WILDCARD], catalogue.inherit)
        return catalogue.resolve(ids.filter(id => catalogue.has(id) && isScopeAllowed(catalogue, client, id, role)))
      }
      const denied = requested.filter(id => !catalogue.covers(granted, id))
      if (denied.length > 0) throw invalidScope(`${list(denied)}: not among the scopes that were granted.`)
      return scopes(client, scope, role)
    },

    audience,

    async grantTarget(resource) {
      const requested = resource === undefined ? undefined : await audience(resource)
      const resolveTarget = await targets.loadResolver()
      return {
        requested,
        narrow(granted) {
          if (requested === undefined) return granted
          if (targets.isWithin(requested, granted)) return requested
          throw invalidTarget('The grant is for another resource.')
        },
        resolve(scopes, audience) {
          const target = resolveTarget(scopes, audience)
          if (target.scopes.length > 0 || scopes.length === 0) return target
          throw invalidTarget(`${list(scopes)}: of no use at the resources that the token is for.`)
        },
      }
    },

    expiry(client, grant) {
      const { accessTokenLifetime, clientCredentialsLifetime } = config
      const defaultLifetime = grant === 'client_credentials' ? clientCredentialsLifetime : accessTokenLifetime
      const seconds = client.accessTokenLifetime ?? defaultLifetime
      return new Date(Math.floor(Date.now() / 1000 + seconds) * 1000)
    },
  }
}

/** More than any client needs, and few enough for one token. */
export const MAX_RESOURCES = 20

const split = (scope: string) => scope.split(' ').filter(Boolean)
const list = (ids: string[]) => [...new Set(ids)].join(', ')

/** `*` by the names of what it grants: it is never handed on. */
const expandWildcard = (catalogue: Catalogue, granted: readonly string[]) =>
  granted.includes(WILDCARD) ? catalogue.scopes.map(s => s.id).filter(id => catalogue.covers(granted, id)) : granted

/** `admin:*` is for administrators, and for clients that were given it by name. */
function isScopeAllowed(catalogue: Catalogue, client: Client, scope: string, role: Role | undefined): boolean {
  if (isAdminScope(scope)) {
    return (client.scopes?.includes(scope) ?? false) && (role === undefined || isForRole(scope, role))
  }
  return client.scopes === null || catalogue.covers(client.scopes, scope)
}
