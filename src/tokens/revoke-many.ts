import type { FilterQuery } from '@mikro-orm/postgresql'
import type { Publish } from '../cluster/invalidation-bus.ts'
import type { Em } from '../database/database.ts'
import { BATCH_SIZE, type Step, type StepOptions } from '../database/run-batches.ts'
import { revokeTokenIds, selectTokenIds } from './revoke.ts'
import type { AccessToken } from './token.entity.ts'

export interface RevokeManyOptions extends StepOptions {
  /** Id of a token that is revoked last, so that whoever asks can follow the work or repeat it. */
  lastTokenId?: string | undefined
  /** false: tokens that are issued while it runs are covered too, whatever issued them. Default true. */
  bounded?: boolean | undefined
  /** Called with the tokens of a batch before they are revoked. @returns others to revoke with them */
  before?: ((em: Em, ids: readonly string[]) => Promise<string[]>) | undefined
}

/** The revoked tokens of one batch. */
export interface RevokedBatch extends Step {
  /** Those that matched. */
  matching: string[]
  /** Those that were revoked along with them. */
  along: string[]
}

/**
 * Revokes the next batch of the live tokens that match, and those that each takes along, in the transaction of `em`.
 *
 * Batches go through the tokens in the order of their ids, so that none reads the index entries of those revoked before. The
 * last batch starts from the beginning again: a node whose clock is behind may have rotated a token to a smaller id meanwhile.
 * Work of more than one batch covers the tokens that existed at its first one, and those that replace them. Tokens that are issued
 * later stay, unless a revoked one issued them (docs/adr/0090), or the work is not bounded.
 */
export async function revokeNextTokens(
  em: Em,
  publish: Publish,
  where: FilterQuery<AccessToken>,
  { state = {}, size = BATCH_SIZE, lastTokenId, bounded = true, before = async () => [] }: RevokeManyOptions = {},
): Promise<RevokedBatch> {
  const { after, upTo } = state
  const tokensToKeep = await withAncestors(em, lastTokenId)
  const covered = all(where, { revoked: false }, upTo && existedAt(upTo))
  const next = all(covered, after && { id: { $gt: after } }, tokensToKeep.length > 0 && { id: { $nin: tokensToKeep } })
  const ids = await selectTokenIds(em, next, { limit: size })
  const full = ids.length === size
  const last = !full && after === undefined
  const bound =
    upTo ?? (bounded && full ? (await selectTokenIds(em, covered, { limit: 1, order: 'desc' }))[0] : undefined)
  const kept =
    last && tokensToKeep.length > 0 ? await selectTokenIds(em, all(covered, { id: { $in: tokensToKeep } })) : []
  const selected = new Set([...ids, ...kept])
  const others = await before(em, [...selected])
  const revoked = await revokeTokenIds(em, publish, [...new Set([...selected, ...others])])
  const [matching, along] = [revoked.filter(id => selected.has(id)), revoked.filter(id => !selected.has(id))]
  const following = { ...(bound && { upTo: bound }), ...(full && { after: ids.at(-1) as string }) }
  return { count: revoked.length, last, state: following, matching, along }
}

/**
 * Tokens that were issued by then, and their successors: a family has the id of its first token, and those that a refresh
 * token issues have the id of its grant.
 */
const existedAt = (upTo: string) => {
  const byThen = { $lte: upTo }
  return { $or: [{ id: byThen }, { family: byThen }, { grant: byThen }] }
}

const all = (...conditions: unknown[]) => ({ $and: conditions.filter(Boolean) }) as FilterQuery<AccessToken>

const ANCESTORS = `
  with recursive ancestors as (
    select id, user_id, parent_id, issued_by_id from oauth_access_tokens where id = ?
    union
    select t.* from ancestors a cross join lateral (
      select id, user_id, parent_id, issued_by_id from oauth_access_tokens where id in (a.parent_id, a.issued_by_id)
      union all
      select id, user_id, parent_id, issued_by_id from oauth_access_tokens
      where user_id = a.user_id and not revoked and successor_id = a.id and expires_at > now()
    ) t
  )
  select id from ancestors`

/** A token, and those whose revocation revokes it: that issued it, or that it replaced and that are within their overlap. */
async function withAncestors(em: Em, id: string | undefined): Promise<string[]> {
  const rows = id === undefined ? [] : ((await em.execute(ANCESTORS, [id])) as { id: string }[])
  return rows.map(row => row.id)
}
