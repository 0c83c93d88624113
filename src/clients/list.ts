import type { Database } from '../database/database.ts'
import { likePattern } from '../database/like.ts'
import { type Condition, type SortValues, sorting } from '../database/sorting.ts'
import { Client } from './client.entity.ts'

/** The columns that a list can be sorted by; with `-`, in descending order. */
export const CLIENT_SORTS = ['created_at', '-created_at', 'name', '-name'] as const
export type ClientSort = (typeof CLIENT_SORTS)[number]

export interface ClientPage {
  limit?: number | undefined
  /** The last id of the previous page. */
  after?: string | undefined
  /** Only clients of this user. */
  userId?: string | undefined
  /** Part of the name, of the `client_id`, of the audience or of a redirect URI, in any case. */
  search?: string | undefined
  /** Default: `created_at`. */
  sort?: ClientSort | undefined
}

const TABLE = 'oauth_clients'
const VALUES: SortValues = { name: alias => `lower(${alias}.name)` }

const SEARCHED = ['c.name', 'coalesce(c.metadata_url, c.id::text)', 'c.audience', 'c.redirect_uris::text']
const SEARCH_SQL = `(${SEARCHED.map(column => `${column} ilike ?`).join(' or ')})`

/** Lists clients, oldest first unless sorted otherwise. */
export async function listClients(db: Database, page: ClientPage): Promise<Client[]> {
  const ids = await listIds(db, page)
  const clients = await db.run(em => em.find(Client, { id: { $in: ids } }))
  const byId = new Map(clients.map(client => [client.id, client]))
  return ids.flatMap(id => byId.get(id) ?? [])
}

async function listIds(
  db: Database,
  { limit = 50, after, userId, search, sort = 'created_at' }: ClientPage,
): Promise<string[]> {
  const owner = userId === undefined ? undefined : (alias: string): Condition => [`${alias}.user_id = ?`, [userId]]
  const { order, next } = sorting(TABLE, 'c', sort, VALUES, owner)
  const conditions: Condition[] = []
  if (owner) conditions.push(owner('c'))
  if (search) conditions.push([SEARCH_SQL, SEARCHED.map(() => likePattern(search))])
  if (after) conditions.push(next(after))
  const where = conditions.length > 0 ? `where ${conditions.map(([sql]) => sql).join(' and ')}` : ''
  const rows = await db.query<{ id: string }>(`select c.id from ${TABLE} c ${where} order by ${order} limit ?`, [
    ...conditions.flatMap(([, values]) => values),
    limit,
  ])
  return rows.map(({ id }) => id)
}
