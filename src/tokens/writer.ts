import type { EntityMetadata } from '@mikro-orm/postgresql'
import { eventColumns, type Happening } from '../audit/audit.ts'
import { inBatches } from '../batches.ts'
import type { Config } from '../config.ts'
import type { Database } from '../database.ts'
import { AccessToken } from './token.entity.ts'

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
  const columnsOf = toColumns(db.orm.getMetadata().get(AccessToken))

  async function insert(batch: Record<string, unknown>[]): Promise<(item: Record<string, unknown>) => boolean> {
    const issued = await db.call<{ issue_tokens: string }>(ISSUE, [JSON.stringify(batch)])
    const written = new Set(issued.map(row => row.issue_tokens))
    return ({ id }) => written.has(id as string)
  }

  // Half of the connections stay for others.
  const atOnce = Math.min(MOST_STATEMENTS, Math.ceil(databasePoolSize / 2))
  const write = inBatches({ work: insert, most: MOST_ROWS, atOnce })
  return (row, within) => write({ ...columnsOf(row), ...eventColumns(), within })
}

/** What of a row there is, by column. */
function toColumns({ props }: EntityMetadata<AccessToken>): (row: NewRow) => Record<string, unknown> {
  const columns = props.map(({ name, fieldNames }) => [fieldNames[0]!, name as keyof NewRow] as const)
  return row => {
    const values: Record<string, unknown> = {}
    for (const [column, name] of columns) if (row[name] !== null) values[column] = toJson(row[name])
    return values
  }
}

/** PostgreSQL reads `bytea` from hexadecimal text. */
const toJson = (value: unknown) => (Buffer.isBuffer(value) ? `\\x${value.toString('hex')}` : value)
