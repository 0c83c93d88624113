import { defineEntity, p } from '@mikro-orm/postgresql'

/** What a row was imported as. */
export type ImportedKind = 'user' | 'client' | 'alias' | 'token' | 'refresh' | 'ended'

/** In place of the row of a refresh token that is stored when its text is first seen. */
export const UNBOUND = '00000000-0000-0000-0000-000000000000'

/** In place of the row of a refresh token that ended in the source before its text was seen here. No row has this id. */
export const ENDED = '00000000-0000-0000-0000-000000000001'

const ImportedRowSchema = defineEntity({
  name: 'ImportedRow',
  tableName: 'oauth_imported_rows',
  // Tokens are not looked up by their rows, and are too many for a second index.
  indexes: [{ name: 'oauth_imported_rows_user_index', properties: ['row'], where: "kind = 'user'" }],
  // No foreign keys: a row that was deleted here must not be imported again.
  properties: {
    /** `alias`: `sourceId` is a `client_id` of the protocol. `ended`: see src/imported/end-unseen.ts. */
    kind: p.string().length(8).$type<ImportedKind>().primary(),
    /** The id of the row in the source; for a JWT it is the `jti`. */
    sourceId: p.string().length(255).primary(),
    source: p.string().length(64).primary(),
    /** Our row. */
    row: p.uuid().fieldName('row_id'),
  },
})

/** Which of our rows a row of another system became. */
export class ImportedRow extends ImportedRowSchema.class {}
ImportedRowSchema.setClass(ImportedRow)
