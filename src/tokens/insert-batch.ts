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
  | 'usedScopes'
  | 'expiresAt'
>

/**
 * Writes the row of an issued token; settles when it is committed.
 * @param issuingTokenId id of the token that asks, if one does
 * @param limit live personal tokens that its user may have, this one included; omitted: any number
 * @returns false, and nothing is written: its user, its client or the token that asks has lost meanwhile what it takes, or
 * its user has as many tokens already
 */
export type InsertIssuedToken = (row: TokenRow, issuingTokenId?: string, limit?: number) => Promise<boolean>

/** How a token is issued, apart from its row. */
export interface Issue {
  /** Id of the token that asks, if one does. */
  issuingTokenId?: string | undefined
  /** Live personal tokens that its user may have, this one included; omitted: any number. */
  limit?: number | undefined
  /** What the audit log says of it; `token.issued` unless given. */
  kind?: EventKind
  details?: Record<string, unknown>
}

interface IssueRow {
  id: string
  /** As `issue_tokens` reads it. */
  json: string
}

/** Statements under way at once, when all but one wait for something; and rows that share one. */
const MAX_STATEMENTS = 4
const MAX_ROWS = 200

/**
 * Writes row and event or neither, in one go; its parameter is a JSON array. What a token rests on is held until the
 * commit, so that nothing is issued beside its end: such a row would have no event, and be good wherever the issuer is
 * not asked.
 */
const ISSUE = 'issue_tokens'

/** Issues that arrive while a statement is under way share the next one. */
export function createTokenInserter(
  db: Database,
  { databasePoolSize }: Pick<Config, 'databasePoolSize'>,
): InsertIssuedToken {
  async function insertBatch(batch: IssueRow[]): Promise<(item: IssueRow) => boolean> {
    const issued = await db.call<{ issue_tokens: string }>(ISSUE, [`[${batch.map(({ json }) => json).join()}]`])
    const written = new Set(issued.map(row => row.issue_tokens))
    return ({ id }) => written.has(id)
  }

  // Half of the connections stay for others.
  const concurrency = Math.min(MAX_STATEMENTS, Math.ceil(databasePoolSize / 2))
  const insert = createBatcher({ work: insertBatch, maxBatchSize: MAX_ROWS, concurrency })
  return (row, issuingTokenId, limit) => insert({ id: row.id, json: toIssueJson(row, { issuingTokenId, limit }) })
}

/** A token as `issue_tokens` reads it: what is not the same for every new one, and what its audit entry needs besides. */
export function toIssueJson(row: TokenRow, { issuingTokenId, limit, kind, details }: Issue): string {
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
    ...eventColumns(),
  })
}
