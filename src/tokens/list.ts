import type { Database } from '../database/database.ts'
import { likePattern } from '../database/like.ts'
import { createRowMapper } from '../database/row-mapper.ts'
import { type Condition, type SortValues, sorting } from '../database/sorting.ts'
import { ownedSql } from './owned.ts'
import { AccessToken, type ListedToken, UNLISTED } from './token.entity.ts'

export const LIST_STATES = ['live', 'active', 'suspended', 'ended', 'revoked', 'expired', 'all'] as const
export type ListState = (typeof LIST_STATES)[number]

/** The columns that a list can be sorted by; with `-`, in descending order. */
export const SORTS = [
  'created_at',
  '-created_at',
  'name',
  '-name',
  'last_used_at',
  '-last_used_at',
  'expires_at',
  '-expires_at',
  'scopes',
  '-scopes',
] as const
export type Sort = (typeof SORTS)[number]

/** Selects which of a user's tokens a list contains. */
export interface TokenFilter {
  /** Default: `live`, neither revoked nor expired, including suspended tokens. `ended`: revoked or expired. */
  state?: ListState | undefined
  /** Part of the name, of a scope, or of the URI of an API that it is for or was last used by, in any case. */
  search?: string | undefined
  /** Only tokens that have exactly this scope. */
  scope?: string | undefined
}

export interface TokenQuery extends TokenFilter {
  /** Default: `-created_at`. */
  sort?: Sort | undefined
  limit: number
  /** The last id of the previous page. */
  after?: string | undefined
}

/** The part of the query of a request that selects and orders tokens; the rest chooses a page. */
export const listFilter = ({ state, search, scope, sort }: TokenFilter & Pick<TokenQuery, 'sort'>) => ({
  state,
  search,
  scope,
  sort,
})

/** Lists the tokens that a user created and named under a client, newest first. Exchanged tokens are not listed. */
export type ListTokens = (user: string, client: string, page: TokenQuery) => Promise<ListedToken[]>

/** A page of a list, and how many tokens the whole list has. */
export interface CountedTokens {
  tokens: ListedToken[]
  /** 0 where the page is empty. */
  total: number
}

export interface TokenLists {
  list: ListTokens
  /** Lists and counts by one statement. */
  listAndCount: (user: string, client: string, page: TokenQuery) => Promise<CountedTokens>
}

type Unlisted = (typeof UNLISTED)[number]

export function createTokenLists(db: Database): TokenLists {
  const { columns, toEntity } = createRowMapper<AccessToken, 'hash' | Unlisted>(
    db.orm.getMetadata().get(AccessToken),
    UNLISTED,
  )

  function rows(user: string, client: string, page: TokenQuery, withTotal = false) {
    const { sort = '-created_at', after, limit } = page
    const { order, next } = sorting('oauth_access_tokens', 't', sort, VALUES, ownedBy(user, client))
    const [later, position] = after === undefined ? ['true', []] : next(after)
    const { sql, values } = matching(user, client, page)
    const total = `, (select count(*)::int from oauth_access_tokens t where ${sql}) as total`
    return db.query<Record<string, unknown>>(
      `select ${columns('t')}${withTotal ? total : ''} from oauth_access_tokens t
      where ${sql} and ${later} order by ${order} limit ?`,
      [...(withTotal ? values : []), ...values, ...position, limit],
    )
  }

  return {
    list: async (user, client, page) => (await rows(user, client, page)).map(toEntity),
    async listAndCount(user, client, page) {
      const found = await rows(user, client, page, true)
      return { tokens: found.map(toEntity), total: (found[0]?.total as number | undefined) ?? 0 }
    },
  }
}

const ownedBy =
  (user: string, client: string) =>
  (alias: string): Condition => [ownedSql(alias), [user, client]]

/** The condition of a filter. */
function matching(user: string, client: string, { state = 'live', search, scope }: TokenFilter) {
  const conditions: Condition[] = [ownedBy(user, client)('t'), [STATES[state], []]]
  if (search) conditions.push([SEARCH_SQL, SEARCHED.map(() => likePattern(search))])
  if (scope !== undefined) conditions.push(['t.scopes @> ?::jsonb', [JSON.stringify([scope])]])
  return {
    sql: conditions.map(([sql]) => sql).join(' and '),
    values: conditions.flatMap(([, values]) => values),
  }
}

const VALUES: SortValues = {
  name: alias => `lower(coalesce(${alias}.name, ''))`,
  last_used_at: alias => `coalesce(${alias}.last_used_at, '-infinity')`,
  expires_at: alias => `${alias}.expires_at`,
  // By how many there are.
  scopes: alias => `jsonb_array_length(${alias}.scopes)`,
}

const STATES: Readonly<Record<ListState, string>> = {
  live: 'not t.revoked and t.expires_at > now()',
  active: 'not t.revoked and t.expires_at > now() and not t.suspended',
  suspended: 'not t.revoked and t.expires_at > now() and t.suspended',
  ended: '(t.revoked or t.expires_at <= now())',
  revoked: 't.revoked',
  expired: 'not t.revoked and t.expires_at <= now()',
  all: 'true',
}

const SEARCHED = ['t.name', 't.scopes::text', 't.audience', 't.last_used_by']
const SEARCH_SQL = `(${SEARCHED.map(column => `${column} ilike ?`).join(' or ')})`
