import type { Em } from '../database/database.ts'

/** The tokens of grants that were ended. */
export interface EndedGrants {
  /** Grants of which a refresh token was revoked. */
  grants: string[]
  /** All live access tokens of the grants, also those that were issued meanwhile. The caller revokes them. */
  accessTokens: string[]
}

interface Grant {
  grant_id: string
  user_id: string
}

const list = (values: readonly unknown[]) => values.map(() => '?').join(', ')

/** The grants of access tokens. An imported access token does not name its grant, but its refresh token names both. */
export async function grantsOf(em: Em, ids: readonly string[]): Promise<Grant[]> {
  if (ids.length === 0) return []
  return em.execute(
    `select grant_id, user_id from oauth_access_tokens where id in (${list(ids)}) and grant_id is not null
    union
    select grant_id, user_id from oauth_refresh_tokens where access_token_id in (${list(ids)})`,
    [...ids, ...ids],
  )
}

/**
 * Revokes the refresh tokens of the grants under which these access tokens were issued, in the transaction of `em`: whoever
 * revokes the token of an app does not expect that the app gets another one. Call it before the access tokens are revoked,
 * since a refresh locks the user first, too.
 */
export async function endGrantsOf(em: Em, ids: readonly string[]): Promise<EndedGrants> {
  const found = await grantsOf(em, ids)
  if (found.length === 0) return { grants: [], accessTokens: [] }
  const grants = [...new Set(found.map(row => row.grant_id))]
  const users = [...new Set(found.map(row => row.user_id))]
  await em.execute(`select id from users where id in (${list(users)}) order by id for no key update`, users)
  const ended = (await em.execute(
    `update oauth_refresh_tokens set revoked = true, replay = null where grant_id in (${list(grants)}) and not revoked
    returning grant_id`,
    grants,
  )) as Pick<Grant, 'grant_id'>[]
  const live = (await em.execute(
    `select id from oauth_access_tokens where grant_id in (${list(grants)}) and not revoked and expires_at > now()`,
    grants,
  )) as { id: string }[]
  return { grants: [...new Set(ended.map(row => row.grant_id))], accessTokens: live.map(row => row.id) }
}
