import type { Database } from '../database/database.ts'
import { quotaReached } from '../errors/errors.ts'
import type { TokenRow } from './insert-batch.ts'

/** As `issue_tokens` counts them: what was exchanged for a personal token is none, and what expired is not alive. */
const COUNT_LIVE = `
  select count(*)::int as count from oauth_access_tokens
  where user_id = ? and client_id = ? and not revoked and parent_id is null and expires_at > now()`

/**
 * Says why `issue_tokens` did not write a token; the check itself is made there, under a lock.
 * @throws 403 when its user has as many live personal tokens as one user may have
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
