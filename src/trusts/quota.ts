import type { Config } from '../config/config.ts'
import type { Em } from '../database/database.ts'
import { PosternError } from '../errors/errors.ts'
import { assertTokenQuota } from '../tokens/quota.ts'
import type { Trust } from './trust.entity.ts'

const LIVE = `
  select count(*)::int as count, ceil(extract(epoch from min(t.expires_at) - now()))::int as seconds
  from oauth_trust_tokens tt join oauth_access_tokens t on t.id = tt.token_id
  where tt.trust_id = ? and not t.revoked and t.expires_at > now()`

const REMEDY = 'Revoke those that are no longer used, shorten the lifetime of the trust, or raise TOKENS_PER_USER.'

/**
 * Limits the live tokens that a trust issues, since the token of a workload may be used any number of times: those of a user
 * are personal tokens and count as such; an app has as many of one trust as a user has exchanged tokens. The caller has locked
 * the user and the trust exclusively.
 * @param clientId of the new token
 * @throws 403 `quota_reached` for a user; 429 `quota_reached` with `Retry-After` for an app
 */
export async function assertTrustQuota(
  em: Em,
  { id, user }: Pick<Trust, 'id' | 'user'>,
  clientId: string,
  config: Pick<Config, 'tokensPerUser' | 'exchangedTokensPerUser'>,
): Promise<void> {
  const query = async (sql: string, values: unknown[]) => (await em.execute(sql, values)) as unknown[]
  if (user !== null) return assertTokenQuota(query, { user, client: clientId }, config.tokensPerUser, REMEDY)
  const [live] = (await query(LIVE, [id])) as { count: number; seconds: number | null }[]
  if (!live || live.count < config.exchangedTokensPerUser) return
  throw new PosternError({
    status: 429,
    code: 'quota_reached',
    detail:
      `The trust has ${live.count} live tokens, and ${config.exchangedTokensPerUser} is the limit. Reuse a token until it expires, ` +
      'shorten the lifetime of the trust, or ask an operator to raise EXCHANGED_TOKENS_PER_USER.',
    headers: { 'retry-after': String(Math.max(1, live.seconds ?? 1)) },
  })
}
