import { eventColumns, type Happening } from '../audit/audit.ts'
import type { Config } from '../config/config.ts'
import { inBatches } from '../database/batches.ts'
import type { Database } from '../database/database.ts'
import type { AccessToken } from './token.entity.ts'

export type NewRow = Pick<
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
 * @param within id of the token that asks, if one does
 * @returns false, and nothing is written: its user, its client or the token that asks has lost meanwhile what it takes
 */
export type WriteRow = (row: NewRow, within?: string) => Promise<boolean>

/** What the audit trail says of an issue. */
export const issuedEvent = (token: NewRow, details: Record<string, unknown> = {}): Happening => ({
  kind: 'token.issued',
  tokenId: token.id,
  userId: token.user,
  clientId: token.client,
  details: { name: token.name, scopes: token.scopes, expires_at: token.expiresAt, ...details },
})

interface Asked {
  id: string
  /** As `issue_tokens` reads it. */
  json: string
}

/** Statements under way at once, when all but one wait for something; and rows that share one. */
const MOST_STATEMENTS = 4
const MOST_ROWS = 200

/**
 * Writes row and event or neither, in one go; its parameter is a JSON array. What a token rests on is held until the
 * commit, so that nothing is issued beside its end: such a row would have no event, and be good wherever the issuer is
 * not asked.
 */
const ISSUE = 'issue_tokens'

/** Issues that arrive while a statement is under way share the next one. */
export function createWriter(db: Database, { databasePoolSize }: Pick<Config, 'databasePoolSize'>): WriteRow {
  async function insert(batch: Asked[]): Promise<(item: Asked) => boolean> {
    const issued = await db.call<{ issue_tokens: string }>(ISSUE, [`[${batch.map(({ json }) => json).join()}]`])
    const written = new Set(issued.map(row => row.issue_tokens))
    return ({ id }) => written.has(id)
  }

  // Half of the connections stay for others.
  const atOnce = Math.min(MOST_STATEMENTS, Math.ceil(databasePoolSize / 2))
  const write = inBatches({ work: insert, most: MOST_ROWS, atOnce })
  return (row, within) => write({ id: row.id, json: toJson(row, within) })
}

/** What is not the same for every new token, and what its audit event needs besides. */
function toJson(row: NewRow, within: string | undefined): string {
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
    within,
    ...eventColumns(),
  })
}
