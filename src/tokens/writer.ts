import type { EntityMetadata } from '@mikro-orm/postgresql'
import { type AuditRow, auditRow, type Happening } from '../audit/audit.ts'
import { AuditEvent } from '../audit/event.entity.ts'
import { inBatches } from '../batches.ts'
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

/** Statements under way at once, and rows that share one. */
const MOST_STATEMENTS = 2
const MOST_ROWS = 200

interface Waiting {
  row: NewRow
  within: string | undefined
  event: AuditRow
}

/**
 * Row and event or neither, in one go; each `?` is a JSON array. What a token rests on is held until the commit, so that
 * nothing is issued beside its end: such a row would have no event, and be good wherever the issuer is not asked.
 */
const INSERT = 'select issue_tokens(?, ?, ?) as id'

/** Issues that arrive while statements are under way share the next one. */
export function createWriter(db: Database): WriteRow {
  const metadata = db.orm.getMetadata()
  const tokens = toRows(metadata.get(AccessToken))
  const events = toRows(metadata.get(AuditEvent))

  async function insert(batch: Waiting[]): Promise<(item: Waiting) => boolean> {
    const asked = batch.flatMap(({ row: { id }, within }) => (within === undefined ? [] : { id, within }))
    const rows = tokens(batch.map(w => w.row))
    const issued = await db.query<{ id: string }>(INSERT, [
      rows,
      JSON.stringify(asked),
      events(batch.map(w => w.event)),
    ])
    const written = new Set(issued.map(({ id }) => id))
    return ({ row }) => written.has(row.id)
  }

  const write = inBatches({ work: insert, most: MOST_ROWS, atOnce: MOST_STATEMENTS })
  return (row, within) => write({ row, within, event: auditRow(issuedEvent(row)) })
}

/** Writes entities of one kind as a JSON array of rows by column. */
function toRows({ props }: EntityMetadata): (entities: object[]) => string {
  const columns = props.map(({ name, fieldNames }) => [fieldNames[0], name] as const)
  const row = (entity: Record<string, unknown>) =>
    Object.fromEntries(columns.map(([column, name]) => [column, toJson(entity[name])]))
  return entities => JSON.stringify(entities.map(entity => row(entity as Record<string, unknown>)))
}

/** PostgreSQL reads `bytea` from hexadecimal text. */
const toJson = (value: unknown) => (Buffer.isBuffer(value) ? `\\x${value.toString('hex')}` : value)
