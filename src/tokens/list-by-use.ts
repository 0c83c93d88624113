import type { Database } from '../database/database.ts'
import { createRowMapper } from '../database/row-mapper.ts'
import { ownedSql } from './owned.ts'
import { AccessToken, type ShownToken } from './token.entity.ts'

/**
 * Lists the live personal tokens of a user, the last used first; those that were never used last, newest first.
 * @param page `offset`: how many to skip. Tokens that are used meanwhile may move to an earlier page
 */
export type ListTokensByUse = (
  user: string,
  client: string,
  page: { limit: number; offset: number },
) => Promise<ShownToken[]>

export function createListByUse(db: Database): ListTokensByUse {
  const { columns, toEntity } = createRowMapper<AccessToken, 'hash'>(db.orm.getMetadata().get(AccessToken))
  const select = `select ${columns('t')} from oauth_access_tokens t
    where ${ownedSql('t')} and not t.revoked and t.expires_at > now()
    order by t.last_used_at desc nulls last, t.id desc limit ? offset ?`

  return async (user, client, { limit, offset }) => {
    const rows = await db.query<Record<string, unknown>>(select, [user, client, limit, offset])
    return rows.map(toEntity)
  }
}
