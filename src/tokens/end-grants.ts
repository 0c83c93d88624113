import type { Em } from '../database/database.ts'

const list = (values: readonly unknown[]) => values.map(() => '?').join(', ')

/**
 * Revokes the refresh tokens of the grants under which these access tokens were issued, in the transaction of `em`: whoever
 * revokes the token of an app does not expect that the app gets another one. Call it before the access tokens are revoked,
 * since a refresh locks the user first, too.
 * @returns the ids of all live access tokens of these grants, also of those that were issued meanwhile
 */
export async function endGrantsOf(em: Em, ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return []
  const found = (await em.execute(
    `select distinct grant_id, user_id from oauth_access_tokens where id in (${list(ids)}) and grant_id is not null`,
    [...ids],
  )) as { grant_id: string; user_id: string }[]
  if (found.length === 0) return []
  const grants = [...new Set(found.map(row => row.grant_id))]
  const users = [...new Set(found.map(row => row.user_id))]
  await em.execute(`select id from users where id in (${list(users)}) order by id for no key update`, users)
  await em.execute(
    `update oauth_refresh_tokens set revoked = true, replay = null where grant_id in (${list(grants)}) and not revoked`,
    grants,
  )
  const live = (await em.execute(
    `select id from oauth_access_tokens where grant_id in (${list(grants)}) and not revoked and expires_at > now()`,
    grants,
  )) as { id: string }[]
  return live.map(row => row.id)
}
