import type { Database } from '../database/database.ts'
import { likePattern } from '../database/like.ts'
import { createRowMapper } from '../database/row-mapper.ts'
import { AccessToken, type ShownToken } from './token.entity.ts'

export type ListState = 'live' | 'suspended' | 'ended' | 'all'

/** Selects which of a user's tokens a list contains. */
export interface TokenFilter {
  /** Default: `live`, neither revoked nor expired, including suspended tokens. `ended`: revoked or expired. */
  state?: ListState | undefined
  /** Part of the name or of a scope, in any case. */
  search?: string | undefined
  /** Only tokens that have exactly this scope. */
  scope?: string | undefined
}

export interface TokenQuery extends TokenFilter {
  limit: number
  /** The last id of the previous page. */
  after?: string | undefined
}

/** Lists the tokens that a user created and named under a client, newest first. Exchanged tokens are not listed. */
export type ListTokens = (user: string, client: string, page: TokenQuery) => Promise<ShownToken[]>

export function createTokenList(db: Database): ListTokens {
  const { columns, toEntity } = createRowMapper<AccessToken, 'hash'>(db.orm.getMetadata().get(AccessToken))
  const select = `select ${columns('t')} from oauth_access_tokens t
    where t.user_id = ? and t.client_id = ? and t.parent_id is null`

  return async (user, client, { state = 'live', search, scope, after, limit }) => {
    const pattern = search ? likePattern(search) : undefined
    const rows = await db.query<Record<string, unknown>>(
      `${select} and ${STATES[state]} ${pattern ? `and ${SEARCH_SQL}` : ''}
      ${scope === undefined ? '' : 'and t.scopes @> ?::jsonb'} ${after ? 'and t.id < ?' : ''}
      order by t.id desc limit ?`,
      [
        user,
        client,
        ...(pattern ? [pattern, pattern] : []),
        ...scopeParameter(scope),
        ...(after ? [after] : []),
        limit,
      ],
    )
    return rows.map(toEntity)
  }
}

const scopeParameter = (scope: string | undefined) => (scope === undefined ? [] : [JSON.stringify([scope])])

const STATES: Readonly<Record<ListState, string>> = {
  live: 'not t.revoked and t.expires_at > now()',
  suspended: 'not t.revoked and t.expires_at > now() and t.suspended',
  ended: '(t.revoked or t.expires_at <= now())',
  all: 'true',
}

const SEARCH_SQL = '(t.name ilike ? or t.scopes::text ilike ?)'
