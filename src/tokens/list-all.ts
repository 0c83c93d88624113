import type { FilterQuery, QBFilterQuery } from '@mikro-orm/postgresql'
import type { Database, Em } from '../database/database.ts'
import { likePattern } from '../database/like.ts'
import { type Condition, type SortValues, sorting } from '../database/sorting.ts'
import { searchedForms } from '../users/emails.ts'
import { type BulkFilter, inState, toWhere } from './bulk-filter.ts'
import type { ListState } from './list.ts'
import { AccessToken } from './token.entity.ts'

/**
 * The columns that a list of all tokens can be sorted by; with `-`, in descending order. An index serves each of them, so that
 * a page reads as many rows as it shows (docs/adr/0092).
 */
export const ALL_SORTS = ['created_at', '-created_at', 'expires_at', '-expires_at'] as const
export type AllSort = (typeof ALL_SORTS)[number]

export interface ListAllPage {
  limit: number
  /** The last id of the previous page. */
  after?: string | undefined
  /** Default: `live`. */
  state?: ListState | undefined
  /** Part of the name, of the name or the e-mail address of the owner, or of the name of the client, in any case. */
  search?: string | undefined
  /** Default: `-created_at`. */
  sort?: AllSort | undefined
}

const VALUES: SortValues = { expires_at: alias => `${alias}.expires_at` }

/** Lists tokens of any user and client. */
export const listTokens = (db: Database, filter: BulkFilter, page: ListAllPage): Promise<AccessToken[]> =>
  db.run(async em => {
    const { limit, after, state = 'live', search, sort = '-created_at' } = page
    const { next } = sorting('oauth_access_tokens', 't', sort, VALUES)
    const conditions = [...(after === undefined ? [] : [next(after)]), ...(search ? [searchCondition(search)] : [])]
    const order = sort.startsWith('-') ? 'desc' : 'asc'
    const query = matching(em, filter, state, conditions).limit(limit)
    query.orderBy(sort.endsWith('expires_at') ? [{ expiresAt: order }, { id: order }] : { id: order })
    const rows = await query.execute<{ id: string }[]>('all', false)
    const tokens = await em.find(AccessToken, { id: { $in: rows.map(({ id }) => id) } })
    const byId = new Map(tokens.map(token => [token.id, token]))
    return rows.flatMap(({ id }) => byId.get(id) ?? [])
  })

/** Counts the live tokens that match. @param some `max`: counts no further */
export const countTokens = (
  db: Database,
  filter: BulkFilter,
  { search, max }: { search?: string | undefined; max?: number | undefined } = {},
): Promise<number> =>
  db.run(async em => {
    const query = matching(em, filter, 'live', search ? [searchCondition(search)] : [])
    if (max === undefined) return query.getCount()
    return (await query.limit(max).execute<unknown[]>('all', false)).length
  })

function matching(em: Em, filter: BulkFilter, state: ListState, conditions: readonly Condition[]) {
  const where = { $and: [toWhere(filter), inState(state)] } as FilterQuery<AccessToken>
  const query = em
    .createQueryBuilder(AccessToken, 't')
    .select('id')
    .where(where as QBFilterQuery<AccessToken>)
  for (const [sql, values] of conditions) query.andWhere(sql, values)
  return query
}

/** Owners and clients are looked up once, not for each token. */
function searchCondition(search: string): Condition {
  const patterns = searchedForms(search).map(likePattern)
  const contains = (column: string) => patterns.map(() => `${column} ilike ?`).join(' or ')
  const sql = `(${contains('t.name')}
    or t.user_id in (select u.id from users u where ${contains('u.name')} or ${contains('u.email')})
    or t.client_id in (select c.id from oauth_clients c where ${contains('c.name')}))`
  return [sql, [patterns, patterns, patterns, patterns].flat()]
}
