import type { Database } from '../database/database.ts'
import { type TokenRow, toIssueJson } from './insert-batch.ts'

/** A token of another system, as it will be stored. */
export interface ImportedTokenRow {
  row: TokenRow
  /** Its id in the source, by which it is imported once. */
  sourceId: string
}

/**
 * Inserts the rows of imported tokens in one statement and transaction, by the same function as every other token. A token
 * that is revoked already needs no user and no client that are still authorized.
 * @returns the ids of the rows that were inserted: not those that were imported before, whose text another token has, or
 *   whose user or client is no longer authorized
 */
export type ImportTokens = (source: string, tokens: readonly ImportedTokenRow[]) => Promise<ReadonlySet<string>>

export function createTokenImporter(db: Database): ImportTokens {
  return async (source, tokens) => {
    const asked = tokens.map(({ row, sourceId }) =>
      toIssueJson(row, { kind: 'token.imported', details: { source }, importedFrom: { source, sourceId } }),
    )
    const inserted = await db.call<{ issue_tokens: string }>('issue_tokens', [`[${asked.join()}]`])
    return new Set(inserted.map(row => row.issue_tokens))
  }
}
