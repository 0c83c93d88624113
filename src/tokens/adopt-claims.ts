import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { ImportedJwt } from '../imported/jwt.ts'
import { createMapScopes, type MapScopes } from '../imported/scopes.ts'
import type { ImportSource } from '../imported/source.entity.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { importedListEnd } from './imported-list-end.ts'
import type { TakeStatusReference } from './mint.ts'
import type { TokenRecord } from './records.ts'

/**
 * Takes the expiry of a JWT that was imported, and in Passport 13 its scopes, into its row when the text is first seen. The
 * original goes by the text, whatever somebody wrote into its row; an import sees only the row.
 * @returns whether the row has changed
 */
export type AdoptClaims = (jwt: ImportedJwt, record: TokenRecord) => Promise<boolean>

/** Rows keep whole seconds, and the claims of Passport have fractions. */
const TOLERANCE_MS = 1_000
/** Only a row that nobody has changed here since it was imported. */
const ADOPT = `
  update oauth_access_tokens set expires_at = ?, scopes = coalesce(?::jsonb, scopes), status_list = ?, status_index = ?,
    updated_at = now()
  where id = ? and updated_at = created_at and not revoked and not suspended and not changed
  returning id`

export interface AdoptClaimsOptions {
  bus: InvalidationBus
  catalogue: Catalogue
  takeStatusReference: TakeStatusReference
}

export function createAdoptClaims({ bus, catalogue, takeStatusReference }: AdoptClaimsOptions): AdoptClaims {
  const mappings = new WeakMap<ImportSource, MapScopes>()

  function scopesOf({ source, scopes }: ImportedJwt): string[] | undefined {
    if (!source.scopesOfText || !scopes) return undefined
    const map =
      mappings.get(source) ?? createMapScopes(new Map(Object.entries(source.settings?.scopes ?? {})), catalogue)
    mappings.set(source, map)
    return map(scopes)
  }

  return async (jwt, record) => {
    const scopes = scopesOf(jwt)
    const sameEnd = Math.abs(jwt.expiresAt - record.expiresAt) <= TOLERANCE_MS
    if (sameEnd && (!scopes || sameSet(scopes, record.token.scopes))) return false
    const expiresAt = new Date(Math.floor(jwt.expiresAt / 1_000) * 1_000)
    const { list, index } = await takeStatusReference(importedListEnd(expiresAt))
    const values = [expiresAt.toISOString(), scopes ? JSON.stringify(scopes) : null, list, index, record.token.id]
    return bus.transaction(async (em, publish) => {
      const adopted = (await em.execute(ADOPT, values)).length > 0
      if (adopted) publish({ kind: 'token', id: record.token.id })
      return adopted
    })
  }
}

const sameSet = (one: readonly string[], other: readonly string[]) =>
  one.length === other.length && one.every(scope => other.includes(scope))
