import type { EntityMetadata } from '@mikro-orm/postgresql'
import { type AuditRow, auditRow, type Happening } from '../audit/audit.ts'
import { AuditEvent } from '../audit/event.entity.ts'
import type { Database } from '../database.ts'
import { PosternError } from '../errors.ts'
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
  | 'expiresAt'
>

/** Writes rows of issued tokens; settles when the row is committed. */
export type WriteRow = (row: NewRow) => Promise<void>

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
  event: AuditRow
  resolve: () => void
  reject: (error: unknown) => void
}

/** Both or neither, in one go; each `?` is a JSON array of rows by column. */
const INSERT = `
  with issued as (insert into oauth_access_tokens select * from jsonb_populate_recordset(null::oauth_access_tokens, ?))
  insert into audit_events select * from jsonb_populate_recordset(null::audit_events, ?)`

/**
 * Issues that arrive while a statement is under way share the next one, so that a busy server pays for one commit and
 * not for hundreds; an idle one writes at once.
 */
export function createWriter(db: Database): WriteRow {
  const metadata = db.orm.getMetadata()
  const tokens = toRows(metadata.get(AccessToken))
  const events = toRows(metadata.get(AuditEvent))
  const waiting: Waiting[] = []
  let statements = 0

  const insert = (batch: Waiting[]) =>
    db.query(INSERT, [tokens(batch.map(w => w.row)), events(batch.map(w => w.event))])

  async function writeTogether(batch: Waiting[]): Promise<void> {
    try {
      await insert(batch)
      for (const { resolve } of batch) resolve()
    } catch (error) {
      // One bad row must not fail its neighbours; a database that is away fails them all.
      if (batch.length === 1 || error instanceof PosternError) for (const { reject } of batch) reject(error)
      else await Promise.all(batch.map(w => insert([w]).then(() => w.resolve(), w.reject)))
    }
  }

  async function work(): Promise<void> {
    statements++
    while (waiting.length > 0) await writeTogether(waiting.splice(0, MOST_ROWS))
    statements--
  }

  return row =>
    new Promise((resolve, reject) => {
      waiting.push({ row, event: auditRow(issuedEvent(row)), resolve, reject })
      if (statements < MOST_STATEMENTS) void work()
    })
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
