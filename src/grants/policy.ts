import { common, isAdminScope, LEGACY_PREFIX, WILDCARD } from '../../packages/guard/src/scope-set.ts'
import type { Client, GrantType } from '../clients/client.entity.ts'
import type { Config } from '../config/config.ts'
import { invalidScope, invalidTarget } from '../errors/protocol.ts'
import { isForRole, limitScopes } from '../scopes/admin.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { requestedScopes } from '../scopes/requested.ts'
import type { Target, Targets } from '../tokens/target.ts'
import type { Role, User } from '../users/user.entity.ts'

/** The rules that every grant applies: which scopes and resources a client can get, and for how long. */
export interface ClientPolicy {
  /**
   * Resolves requested scopes: all of them, or by default the default scopes that the client is allowed.
   * @param scope space-delimited, as sent (RFC 6749 §3.3)
   * @param role the role of the user; undefined for `client_credentials`
   * @throws 400 `invalid_scope` that names the scopes that the client is not allowed
   */
  scopes(client: Client, scope: string | undefined, role?: Role): string[]
  /**
   * Removes scopes that do not exist from the request of a public client. Clients that nobody configured for this deployment
   * request what they know. The user sees and consents to what is left, and `scope` of the response lists it (RFC 6749 §3.3).
   * @param scope space-delimited, as sent
   * @returns unchanged if nothing would be left, or if the client is confidential
   */
  dropUnknown(client: Client, scope: string | undefined): string | undefined
  /**
   * Resolves a request for a subset of granted scopes: the requested ones, or by default all that the client is still
   * allowed.
   * @param scope space-delimited, as sent
   * @throws 400 `invalid_scope` that names the scopes that were not granted (RFC 6749 §6)
   */
  downscope(client: Client, granted: readonly string[], scope: string | undefined, role?: Role): string[]
  /** Removes scopes that the groups of a user do not allow. @throws 400 `invalid_scope` if none is left */
  limit(scopes: string[], user: Pick<User, 'allowedScopes'> | undefined): string[]
  /**
   * Resolves `resource` parameters (RFC 8707 §2) to the `audience` of a row; null: none.
   * @param resource as sent, separated by spaces
   * @throws 400 `invalid_target`
   */
  audience(resource: string | undefined): Promise<string | null>
  /**
   * Resolves the resources of a request. Call it before the transaction; the result can be used inside.
   * @param resource as sent, separated by spaces
   * @throws 400 `invalid_target` for an unregistered resource
   */
  grantTarget(resource: string | undefined): Promise<GrantTarget>
  /** The expiry of a token issued now: by the lifetime of the client, else that of the grant type. */
  expiry(client: Client, grant: GrantType): Date
}

/** The resources of a token request. */
export interface GrantTarget {
  /** The `audience` of a row; null: equivalent to naming none; undefined: the request names none. */
  readonly requested: string | null | undefined
  /**
   * The requested subset of a grant's resources, by default all of them (RFC 8707 §2.2). A grant without resources allows
   * any resource.
   * @param granted the `audience` of the grant
   * @throws 400 `invalid_target` for a resource that was not granted
   */
  narrow(granted: string | null): string | null
  /**
   * Resolves scopes and audience of a token: without an audience, to the resources that its scopes belong to; with one,
   * without scopes that belong to other resources.
   * @throws 400 `invalid_target` if no scope remains
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
    const uris = split(resource ?? '')
    if (uris.length > MAX_RESOURCES) throw invalidTarget(`A token can be for at most ${MAX_RESOURCES} resources.`)
    return targets.resolve(uris, i => invalidTarget(`No resource server is registered under ${uris[i]}.`))
  }

  function scopes(client: Client, scope: string | undefined, role?: Role): string[] {
    const isAllowed = (id: string) => isScopeAllowed(catalogue, client, id, role)
    const requested = requestedScopes(catalogue, scope)
    if (requested === undefined) return catalogue.defaults.filter(isAllowed)
    const wanted = requested.filter(id => id !== OFFLINE_ACCESS || isAllowed(id))
    const denied = wanted.filter(id => id === WILDCARD || !catalogue.has(id) || !isAllowed(id))
    if (denied.length > 0) throw invalidScope(`The client is not allowed ${list(denied)}.`)
    return catalogue.resolve(wanted)
  }

  return {
    scopes,

    dropUnknown(client, scope) {
      if (client.isConfidential()) return scope
      const known = split(scope ?? '').filter(id => id === WILDCARD || catalogue.has(id))
      return known.length > 0 ? known.join(' ') : scope
    },

    downscope(client, granted, scope, role) {
      const requested = requestedScopes(catalogue, scope)
      if (requested === undefined) {
        const ids = common(expandWildcard(catalogue, granted), client.scopes ?? [WILDCARD], catalogue.inherit)
        const kept = ids.filter(id => isKept(catalogue, id) && isScopeAllowed(catalogue, client, id, role))
        return catalogue.resolve(kept, kept)
      }
      const denied = requested.filter(id => id !== OFFLINE_ACCESS && !catalogue.covers(granted, id))
      if (denied.length > 0) throw invalidScope(`${list(denied)}: not among the granted scopes.`)
      return scopes(client, scope, role)
    },

    limit(scopes, user) {
      const left = limitScopes(scopes, user?.allowedScopes, catalogue.inherit)
      if (left.length > 0 || scopes.length === 0) return left
      throw invalidScope(`${list(scopes)}: the groups of the user do not allow this.`)
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
          throw invalidTarget(`${list(scopes)}: belongs to other resources than those of the token.`)
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

/** Scopes that a grant keeps when it is refreshed: those of the catalogue, and those that were imported with it. */
const isKept = (catalogue: Catalogue, id: string) => catalogue.has(id) || id.startsWith(LEGACY_PREFIX)

/** Clients add it in order to get a refresh token, which they get without it, so it is never an error. */
const OFFLINE_ACCESS = 'offline_access'

/** More than any client needs, and small enough for a token. */
export const MAX_RESOURCES = 20

const split = (scope: string) => scope.split(' ').filter(Boolean)
const list = (ids: string[]) => [...new Set(ids)].join(', ')

/** Replaces `*` by the scopes that it grants. Clients never get `*`. */
const expandWildcard = (catalogue: Catalogue, granted: readonly string[]) =>
  granted.includes(WILDCARD) ? catalogue.scopes.map(s => s.id).filter(id => catalogue.covers(granted, id)) : granted

/** `admin:*` requires that the user is an administrator and that the client's scopes list it by name. */
function isScopeAllowed(catalogue: Catalogue, client: Client, scope: string, role: Role | undefined): boolean {
  if (isAdminScope(scope)) {
    return (client.scopes?.includes(scope) ?? false) && (role === undefined || isForRole(scope, role))
  }
  return client.scopes === null || catalogue.covers(client.scopes, scope)
}
