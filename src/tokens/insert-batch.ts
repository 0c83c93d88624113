import { eventColumns } from '../audit/audit.ts'
import type { EventKind } from '../audit/event.entity.ts'
import type { Config } from '../config/config.ts'
import { createBatcher } from '../database/batcher.ts'
import type { Database } from '../database/database.ts'
import type { AccessToken } from './token.entity.ts'

export type TokenRow = Pick<
  AccessToken,
  | 'id'
  | 'user'
  | 'client'
  | 'name'
  | 'scopes'
  | 'format'
  | 'hash'
  | 'audience'
  | 'grant'
  | 'parent'
  | 'successor'
  | 'issuedBy'
  | 'session'
  | 'family'
  | 'familyExpiresAt'
  | 'revoked'
  | 'suspended'
  | 'changed'
  | 'statusList'
  | 'statusIndex'
  | 'createdAt'
  | 'updatedAt'
  | 'lastUsedAt'
  | 'lastUsedBy'
  | 'usedScopes'
  | 'expiresAt'
>

/**
 * Inserts the row of an issued token. Resolves when it is committed.
 * @param issuingTokenId id of the issuing token, if there is one
 * @param limit maximum live personal tokens of the user, including this one; omitted: no limit
 * @returns false if nothing was inserted because the user, the client or the issuing token is no longer authorized, or the
 *   user has reached the limit
 */
export type InsertIssuedToken = (row: TokenRow, issuingTokenId?: string, limit?: number) => Promise<boolean>

/** How a token is issued, apart from its row. */
export interface Issue {
  /** Id of the issuing token, if there is one. */
  issuingTokenId?: string | undefined
  /** Maximum live personal tokens of the user, including this one; omitted: no limit. */
  limit?: number | undefined
  /** The kind of the audit entry; default: `token.issued`. */
  kind?: EventKind
  details?: Record<string, unknown>
  /** The row of another system that the token is imported from. It is inserted once, and with its last use and its state. */
  importedFrom?: { source: string; sourceId: string } | undefined
}

interface IssueRow {
  id: string
  /** In the format that `issue_tokens` expects. */
  json: string
}

/** Maximum concurrent statements, and maximum rows per statement. */
const MAX_STATEMENTS = 4
const MAX_ROWS = 200

/**
 * Inserts row and audit entry atomically; its parameter is a JSON array. It locks the user, client and issuing token until
 * the commit. Without the lock, a token could be issued while one of them is revoked: it would have no status event, and
 * resource servers that check offline would accept it.
 */
const ISSUE = 'issue_tokens'

/** Batches concurrent inserts: rows that arrive while a statement runs share the next one. */
export function createTokenInserter(
  db: Database,
  { databasePoolSize }: Pick<Config, 'databasePoolSize'>,
): InsertIssuedToken {
  async function insertBatch(batch: IssueRow[]): Promise<(item: IssueRow) => boolean> {
    const issued = await db.call<{ issue_tokens: string }>(ISSUE, [`[${batch.map(({ json }) => json).join()}]`])
    const written = new Set(issued.map(row => row.issue_tokens))
    return ({ id }) => written.has(id)
  }

  // Leaves half of the connections for other work.
  const concurrency = Math.min(MAX_STATEMENTS, Math.ceil(databasePoolSize / 2))
  const insert = createBatcher({ work: insertBatch, maxBatchSize: MAX_ROWS, concurrency })
  return (row, issuingTokenId, limit) => insert({ id: row.id, json: toIssueJson(row, { issuingTokenId, limit }) })
}

/** A token in the format that `issue_tokens` expects: the columns that differ between new tokens, and its audit entry. */
export function toIssueJson(row: TokenRow, { issuingTokenId, limit, kind, details, importedFrom }: Issue): string {
  return JSON.stringify({
    id: row.id,
    user_id: row.user ?? undefined,
    client_id: row.client,
    name: row.name ?? undefined,
    scopes: row.scopes,
    format: row.format,
    // PostgreSQL reads `bytea` from hexadecimal text.
    hash: row.hash ? `\\x${row.hash.toString('hex')}` : undefined,
    audience: row.audience ?? undefined,
    grant_id: row.grant ?? undefined,
    parent_id: row.parent ?? undefined,
    issued_by_id: row.issuedBy ?? undefined,
    session_id: row.session ?? undefined,
    family_id: row.family ?? undefined,
    family_expires_at: row.familyExpiresAt ?? undefined,
    status_list: row.statusList,
    status_index: row.statusIndex,
    created_at: row.createdAt,
    expires_at: row.expiresAt,
    within: issuingTokenId,
    token_limit: limit,
    kind,
    details,
    ...(importedFrom && toImportColumns(row, importedFrom)),
    ...eventColumns(),
  })
}

const toImportColumns = (
  { revoked, lastUsedAt }: TokenRow,
  { source, sourceId }: { source: string; sourceId: string },
) => ({
  source,
  source_id: sourceId,
  revoked: revoked || undefined,
  last_used_at: lastUsedAt ?? undefined,
})
