import type { Database } from '../database/database.ts'

/**
 * Follows the same relations as the SQL functions `retire_tokens` and `revoke_token_set`. By `any (array(…))` the planner
 * expects few rows, and reads them by the index.
 */
const COUNT = `
  with recursive revoked_along as (
    select id, successor_id, expires_at from oauth_access_tokens
      where id = any (array(select jsonb_array_elements_text(?::jsonb)::uuid)) and not revoked
    union
    select t.id, t.successor_id, t.expires_at from revoked_along a cross join lateral (
      select id, successor_id, expires_at from oauth_access_tokens
        where parent_id = a.id and not revoked and expires_at > now()
      union all
      select id, successor_id, expires_at from oauth_access_tokens where issued_by_id = a.id and not revoked
      union all
      select id, successor_id, expires_at from oauth_access_tokens
        where id = a.successor_id and not revoked and a.expires_at > now()
    ) t
  )
  select count(*)::int as count from revoked_along
  where id not in (select jsonb_array_elements_text(?::jsonb)::uuid)`

/**
 * Counts the live tokens that the revocation of tokens would revoke along with them: those that they issued, by exchange or
 * with `tokens:write`, what those issued, and, within their overlap, their successors. Those that are revoked or do not exist
 * count for nothing.
 */
export async function countIssued(db: Database, ...ids: readonly string[]): Promise<number> {
  const [row] = await db.query<{ count: number }>(COUNT, [JSON.stringify(ids), JSON.stringify(ids)])
  return row?.count ?? 0
}
