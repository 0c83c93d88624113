import type { Em } from '../database/database.ts'
import { type Issue, type TokenRow, toIssueJson } from './insert-batch.ts'

const LOCK_CLIENTS = `
  select not revoked as live from oauth_clients
  where id in (select jsonb_array_elements_text(?::jsonb)::uuid) and not personal_access
  order by id for share`

/**
 * Locks clients that a token will rest on (`for share`) until the transaction of `em` ends, for whoever locks tokens before
 * it calls `insertToken`: users before clients before tokens is the order of all (docs/adr/0003).
 * @returns false when one of them has been revoked
 */
export async function lockClients(em: Em, ids: readonly string[]): Promise<boolean> {
  const rows = (await em.execute(LOCK_CLIENTS, [JSON.stringify(ids)])) as { live: boolean }[]
  return rows.every(({ live }) => live)
}

const INSERT = 'select issue_tokens(?::jsonb) as id'

/**
 * Writes the row of a token and its audit entry in the transaction of `em`, which redeems something for it. The database
 * locks what the token rests on and reads it again: its user, its client, the token that asks, the token that it is
 * exchanged for and the client of that. Whoever revokes one of them waits and finds the new row. Without the locks the row
 * would have no status event, and resource servers would accept it until it expires.
 *
 * `createTokenInserter` is the same for issues that need no transaction of their own.
 * @returns false, and nothing is written: one of these is disabled, suspended or revoked by now
 */
export async function insertToken(em: Em, row: TokenRow, issue: Issue = {}): Promise<boolean> {
  const written = (await em.execute(INSERT, [`[${toIssueJson(row, issue)}]`])) as { id: string }[]
  return written.length === 1
}
