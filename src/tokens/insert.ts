import type { Em } from '../database/database.ts'
import { type Issue, type TokenRow, toIssueJson } from './insert-batch.ts'

const LOCK_CLIENTS = `
  select not revoked as live from oauth_clients
  where id in (select jsonb_array_elements_text(?::jsonb)::uuid) and not personal_access
  order by id for share`

/**
 * Locks clients that a token will depend on (`for share`) until the transaction of `em` ends. A caller that locks tokens
 * before it calls `insertToken` must call it first, to keep the global lock order: users, clients, tokens (docs/adr/0003).
 * @returns false if one of them has been revoked
 */
export async function lockClients(em: Em, ids: readonly string[]): Promise<boolean> {
  const rows = (await em.execute(LOCK_CLIENTS, [JSON.stringify(ids)])) as { live: boolean }[]
  return rows.every(({ live }) => live)
}

const INSERT = 'select issue_tokens(?::jsonb) as id'

/**
 * Inserts the row of a token and its audit entry in the transaction of `em`. The database locks what the token depends on
 * and reads its state again: the user, the client, the issuing token, the token that it is exchanged for and the client of
 * that token. A concurrent transaction that revokes one of them waits and then sees the new row. Without the locks the
 * row would have no status event, and resource servers would accept the token until it expires.
 *
 * `createTokenInserter` does the same for tokens that need no transaction of their own.
 * @returns false if nothing was inserted because one of these is disabled, suspended or revoked
 */
export async function insertToken(em: Em, row: TokenRow, issue: Issue = {}): Promise<boolean> {
  const written = (await em.execute(INSERT, [`[${toIssueJson(row, issue)}]`])) as { id: string }[]
  return written.length === 1
}
