import { type AuditEntry, writeAudit } from '../audit/audit.ts'
import type { Em } from '../database/database.ts'
import type { TokenRow } from './insert-batch.ts'
import { AccessToken } from './token.entity.ts'

/** Users before clients, clients in the order of their ids: the order of `issue_tokens` (docs/adr/0003). */
const LOCK_USER = 'select disabled_at is null as live from users where id = ? for share'
const LOCK_CLIENTS = `
  select not revoked as live from oauth_clients
  where (id = ? or id = (select client_id from oauth_access_tokens where id = ?)) and not personal_access
  order by id for share`

/**
 * Holds what a token rests on shared until the transaction of `em` ends: its user, its client, and the client of the
 * token that it is exchanged for. Whoever disables or revokes one of them waits for this and then sees the new row, or
 * came first and is seen here.
 * @returns false when one of them is disabled or revoked
 */
export async function lockOwners(em: Em, row: Pick<TokenRow, 'user' | 'client' | 'parent'>): Promise<boolean> {
  const users = row.user ? ((await em.execute(LOCK_USER, [row.user])) as { live: boolean }[]) : [{ live: true }]
  const clients = (await em.execute(LOCK_CLIENTS, [row.client, row.parent])) as { live: boolean }[]
  return users.length > 0 && [...users, ...clients].every(({ live }) => live)
}

/**
 * Writes the row of a token and its audit event, in the transaction of `em` that redeems something for it. Without
 * holding its owners, a token that is issued beside the revocation of its client would have no status event, and every
 * resource server that does not ask the issuer would accept it until it expires.
 * @returns false, and nothing is written: its user is disabled, or a client that it rests on has been revoked meanwhile
 */
export async function insertToken(em: Em, row: TokenRow, event: AuditEntry): Promise<boolean> {
  if (!(await lockOwners(em, row))) return false
  await em.insert(AccessToken, row)
  writeAudit(em, event)
  return true
}
