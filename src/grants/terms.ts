import type { Changes } from '../changes/changes.ts'
import { createMemory } from '../changes/memory.ts'
import { Client, type GrantType } from '../clients/client.entity.ts'
import type { Config } from '../config.ts'
import type { Database } from '../database.ts'
import { invalidScope, invalidTarget } from '../protocol-errors.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { requestedScopes } from '../scopes/requested.ts'
import { common, WILDCARD } from '../scopes/set.ts'
import type { Role } from '../users/user.entity.ts'

/** What a client may have, from whom, for how long: the questions that every grant asks. */
export interface Terms {
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
  narrowed(client: Client, granted: readonly string[], scope: string | undefined, role?: Role): string[]
  /**
   * The audience that a `resource` parameter names (RFC 8707 §2); null: this server's own.
   * @throws 400 `invalid_target`
   */
  audience(resource: string | undefined): Promise<string | null>
  /**
   * A grant is for one audience: who redeems it may name that again, and no other (RFC 8707 §2.2).
   * @throws 400 `invalid_target`
   */
  mustBeFor(audience: string | null, resource: string | undefined): void
  /** When a token issued now expires: by the client, by the grant, or by default, in that order. */
  expiry(client: Client, grant: GrantType): Date
}

export interface TermsOptions {
  db: Database
  changes: Changes
  catalogue: Catalogue
  config: Pick<Config, 'audience' | 'accessTokenLifetime' | 'clientCredentialsLifetime'>
}

export function createTerms({ db, changes, catalogue, config }: TermsOptions): Terms {
  const resourceServer = createMemory<Client>({
    changes,
    load: async audience => (await db.run(em => em.findOne(Client, { audience, revoked: false }))) ?? undefined,
    clears: change => change.kind === 'client',
  })

  function scopes(client: Client, scope: string | undefined, role?: Role): string[] {
    const may = (id: string) => mayHave(catalogue, client, id, role)
    const asked = requestedScopes(catalogue, scope)
    if (asked === undefined) return catalogue.defaults.filter(may)
    const refused = asked.filter(id => id === WILDCARD || !catalogue.has(id) || !may(id))
    if (refused.length > 0) throw invalidScope(`The client may not have ${list(refused)}.`)
    return catalogue.resolve(asked)
  }

  return {
    scopes,

    narrowed(client, granted, scope, role) {
      const asked = requestedScopes(catalogue, scope)
      if (asked === undefined) {
        const ids = common(named(catalogue, granted), client.scopes ?? [WILDCARD], catalogue.inherit)
        return catalogue.resolve(ids.filter(id => catalogue.has(id) && mayHave(catalogue, client, id, role)))
      }
      const refused = asked.filter(id => !catalogue.covers(granted, id))
      if (refused.length > 0) throw invalidScope(`${list(refused)}: not among the scopes that were granted.`)
      return scopes(client, scope, role)
    },

    async audience(resource) {
      if (resource === undefined || resource === config.audience) return null
      if (await resourceServer(resource)) return resource
      throw invalidTarget('No resource server is registered under this resource.')
    },

    mustBeFor(audience, resource) {
      if (resource === undefined || resource === (audience ?? config.audience)) return
      throw invalidTarget('The grant is for another resource.')
    },

    expiry(client, grant) {
      const { accessTokenLifetime, clientCredentialsLifetime } = config
      const standard = grant === 'client_credentials' ? clientCredentialsLifetime : accessTokenLifetime
      const seconds = client.accessTokenLifetime ?? standard
      return new Date(Math.floor(Date.now() / 1000 + seconds) * 1000)
    },
  }
}

const list = (ids: string[]) => [...new Set(ids)].join(', ')

/** `*` by the names of what it grants: it is never handed on. */
const named = (catalogue: Catalogue, granted: readonly string[]) =>
  granted.includes(WILDCARD) ? catalogue.scopes.map(s => s.id).filter(id => catalogue.covers(granted, id)) : granted

/** `admin:*` is for administrators, and for clients that were given it by name. */
function mayHave(catalogue: Catalogue, client: Client, scope: string, role: Role | undefined): boolean {
  if (scope.startsWith('admin:')) {
    return (client.scopes?.includes(scope) ?? false) && (role === undefined || role === 'admin')
  }
  return client.scopes === null || catalogue.covers(client.scopes, scope)
}
