import { defineEntity, p } from '@mikro-orm/postgresql'
import type { JWK } from 'jose'

/** The systems whose tokens can be imported. `tokens`: any, in the form of `postern export`. */
export const SYSTEMS = ['passport', 'sanctum', 'doorkeeper', 'tokens'] as const
export type System = (typeof SYSTEMS)[number]

/** Settings of an import that apply when a text is first used. */
export interface SourceSettings {
  /** Our scopes for those of the source. */
  scopes: Record<string, readonly string[]>
  /** Tables of the users of a client, by its id in the source, where it is not the first one. */
  userTables: Record<string, string>
}

const ImportSourceSchema = defineEntity({
  name: 'ImportSource',
  tableName: 'oauth_import_sources',
  properties: {
    /** Chosen by the operator; with the id of a row in that system it is the key of an imported row. */
    name: p.string().length(64).primary(),
    system: p.string().length(16).$type<System>(),
    /** Public keys that an operator trusts for the JWTs of this source, each with its `kid`. */
    keys: p.json<JWK[]>(),
    /** The key that the source encrypted its refresh tokens with, encrypted with `APP_KEY`; null: none. */
    encryptedKey: p.text().nullable().strictNullable().hidden(),
    /** When tokens end that had no end; the same for every run, so that an interrupted import continues alike. */
    neverEndsAt: p.datetime().nullable().strictNullable(),
    /** Whether the scopes of a JWT apply in place of those of its row, as in Passport 13. */
    scopesOfText: p.boolean().default(false),
    /** What the import was told, for texts that are seen later; null: nothing. */
    settings: p.json<SourceSettings>().nullable().strictNullable(),
    createdAt: p.datetime(),
    updatedAt: p.datetime(),
  },
})

/** A system that tokens were imported from. */
export class ImportSource extends ImportSourceSchema.class {}
ImportSourceSchema.setClass(ImportSource)
