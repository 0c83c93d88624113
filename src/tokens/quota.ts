import { quotaReached } from '../errors/errors.ts'
import type { TokenRow } from './insert-batch.ts'
import { ownedSql } from './owned.ts'

/** Counts as `issue_tokens` does: without exchanged tokens and without expired ones. */
const COUNT_LIVE = `
  select count(*)::int as count from oauth_access_tokens t
  where ${ownedSql('t')} and not t.revoked and t.expires_at > now()`

/** `query` of the database, or of the transaction that counts. */
type Query = (sql: string, values: unknown[]) => Promise<unknown[]>

const REMEDY = 'Revoke those that are no longer used, or ask an operator to raise TOKENS_PER_USER.'

/**
 * Determines whether `issue_tokens` rejected a token because of the quota. `issue_tokens` makes the actual check, under a
 * lock.
 * @param remedy what the user can do, in full sentences
 * @throws 403 if the user has reached the maximum number of live personal tokens
 */
export async function assertTokenQuota(
  query: Query,
  { user, client }: Pick<TokenRow, 'user' | 'client'>,
  limit: number,
  remedy = REMEDY,
): Promise<void> {
  const [live] = (await query(COUNT_LIVE, [user, client])) as { count: number }[]
  if (live && live.count >= limit) throw quotaReached('live personal access tokens', limit, remedy)
}
