import type { Database } from '../database/database.ts'
import { quotaReached } from '../errors/errors.ts'
import type { TokenRow } from './insert-batch.ts'

/** Counts as `issue_tokens` does: without exchanged tokens and without expired ones. */
const COUNT_LIVE = `
  select count(*)::int as count from oauth_access_tokens
  where user_id = ? and client_id = ? and not revoked and parent_id is null and expires_at > now()`

/**
 * Determines whether `issue_tokens` rejected a token because of the quota. `issue_tokens` makes the actual check, under a
 * lock.
 * @throws 403 if the user has reached the maximum number of live personal tokens
 */
export async function assertTokenQuota(
  db: Database,
  { user, client }: Pick<TokenRow, 'user' | 'client'>,
  limit: number,
): Promise<void> {
  const [live] = await db.query<{ count: number }>(COUNT_LIVE, [user, client])
  if (!live || live.count < limit) return
  throw quotaReached(
    'live personal access tokens',
    limit,
    'Revoke those that are no longer used, or ask an operator to raise TOKENS_PER_USER.',
  )
}
