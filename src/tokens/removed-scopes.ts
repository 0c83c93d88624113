import { WILDCARD } from '../../packages/guard/src/scope-set.ts'
import type { Database } from '../database/database.ts'
import type { Catalogue } from '../scopes/catalogue.ts'

/** A scope that live tokens have and the catalogue has no longer. */
export interface RemovedScope {
  scope: string
  /** How many live tokens have it, among those that were looked at. */
  tokens: number
}

/** The newest tokens that are looked at: a start must not read a table of millions. */
export const MAX_TOKENS_READ = 100_000
/** Long enough for a page that is reloaded, short enough for whoever has just removed one. */
const CACHE_MS = 60_000

/** The scopes of live tokens that have left the catalogue, most used first; remembered for a minute. */
export type ListRemovedScopes = () => Promise<RemovedScope[]>

export function createRemovedScopes(db: Database, catalogue: Pick<Catalogue, 'has'>): ListRemovedScopes {
  let cached: { readAt: number; scopes: Promise<RemovedScope[]> } | undefined

  async function read(): Promise<RemovedScope[]> {
    const rows = await db.query<{ scope: string; tokens: number | string }>(COUNTS, [MAX_TOKENS_READ])
    const removed = rows.filter(({ scope }) => scope !== WILDCARD && !catalogue.has(scope))
    return removed.map(({ scope, tokens }) => ({ scope, tokens: Number(tokens) }))
  }

  return () => {
    if (cached && performance.now() - cached.readAt < CACHE_MS) return cached.scopes
    const scopes = read()
    cached = { readAt: performance.now(), scopes }
    // What failed is not remembered.
    scopes.catch(() => {
      cached = undefined
    })
    return scopes
  }
}

const COUNTS = `
  select scope, count(*) as tokens
  from (select scopes, revoked, expires_at from oauth_access_tokens order by id desc limit ?) newest,
    jsonb_array_elements_text(newest.scopes) scope
  where not revoked and expires_at > now()
  group by scope order by tokens desc, scope`
