import type { Config } from '../config/config.ts'
import type { Em } from '../database/database.ts'
import { PosternError } from '../errors/errors.ts'
import type { AccessToken } from '../tokens/token.entity.ts'

const LIVE = (owner: 'user_id' | 'parent_id') => `
  select count(*)::int as count, ceil(extract(epoch from min(expires_at) - now()))::int as seconds
  from oauth_access_tokens where ${owner} = ? and parent_id is not null and not revoked and expires_at > now()`

/**
 * Limits the live exchanged tokens of a user, or, for a machine's token, of that token. Revoking a token revokes all of them
 * in one statement, so their number must have a bound. The caller has locked the user, or the machine's token, exclusively.
 * @throws 429 `quota_reached`, with `Retry-After`: when the next of them expires
 */
export async function assertExchangeQuota(
  em: Em,
  parent: Pick<AccessToken, 'id' | 'user'>,
  { exchangedTokensPerUser: limit }: Pick<Config, 'exchangedTokensPerUser'>,
): Promise<void> {
  const [sql, owner] = parent.user === null ? [LIVE('parent_id'), parent.id] : [LIVE('user_id'), parent.user]
  const [live] = (await em.execute(sql, [owner])) as { count: number; seconds: number | null }[]
  if (!live || live.count < limit) return
  const whose = parent.user === null ? 'This token has' : 'The user of this token has'
  throw new PosternError({
    status: 429,
    code: 'quota_reached',
    detail:
      `${whose} ${live.count} live exchanged tokens, and ${limit} is the limit. Reuse an exchanged token until it expires, ` +
      'revoke those that are no longer used, or ask an operator to raise EXCHANGED_TOKENS_PER_USER.',
    headers: { 'retry-after': String(Math.max(1, live.seconds ?? 1)) },
  })
}
