import type { Database } from '../database/database.ts'
import { containing } from '../database/like.ts'
import { rowsOf } from '../database/rows.ts'
import { AccessToken, type ShownToken } from './token.entity.ts'

export type ListState = 'live' | 'suspended' | 'ended' | 'all'

/** Which of a user's tokens a list shows. */
export interface Listing {
  /** `live` unless said: neither revoked nor expired. Suspended ones are among them; `ended` are the rest. */
  state?: ListState | undefined
  /** Part of the name or of a scope, in any case. */
  search?: string | undefined
  /** Only tokens that have exactly this scope. */
  scope?: string | undefined
}

export interface Page extends Listing {
  limit: number
  /** The last id of the page before. */
  after?: string | undefined
}

/** Tokens that a user made and named under a client, newest first; what was exchanged for one is not listed. */
export type ListTokens = (user: string, client: string, page: Page) => Promise<ShownToken[]>

export function createListing(db: Database): ListTokens {
  const { columns, read } = rowsOf<AccessToken, 'hash'>(db.orm.getMetadata().get(AccessToken))
  const select = `select ${columns('t')} from oauth_access_tokens t
    where t.user_id = ? and t.client_id = ? and t.parent_id is null`

  return async (user, client, { state = 'live', search, scope, after, limit }) => {
    const found = search ? containing(search) : undefined
    const rows = await db.query<Record<string, unknown>>(
      `${select} and ${STATES[state]} ${found ? `and ${FOUND}` : ''}
      ${scope === undefined ? '' : 'and t.scopes @> ?::jsonb'} ${after ? 'and t.id < ?' : ''}
      order by t.id desc limit ?`,
      [user, client, ...(found ? [found, found] : []), ...having(scope), ...(after ? [after] : []), limit],
    )
    return rows.map(read)
  }
}

const having = (scope: string | undefined) => (scope === undefined ? [] : [JSON.stringify([scope])])

const STATES: Readonly<Record<ListState, string>> = {
  live: 'not t.revoked and t.expires_at > now()',
  suspended: 'not t.revoked and t.expires_at > now() and t.suspended',
  ended: '(t.revoked or t.expires_at <= now())',
  all: 'true',
}

const FOUND = '(t.name ilike ? or t.scopes::text ilike ?)'
