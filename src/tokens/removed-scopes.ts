import { LEGACY_PREFIX, WILDCARD } from '../../packages/guard/src/scope-set.ts'
import type { Database } from '../database/database.ts'
import type { Catalogue } from '../scopes/catalogue.ts'

/** A scope that live tokens have but that is no longer in the catalogue. */
export interface RemovedScope {
  scope: string
  /** How many of the tokens that were read have it and are live. */
  tokens: number
}

/** Only the newest tokens are read, so that a start does not scan a table of millions of rows. */
export const MAX_TOKENS_READ = 100_000
/** Long enough to serve page reloads from the cache, short enough to show a recently removed scope. */
const CACHE_MS = 60_000

/** Lists scopes of live tokens that are no longer in the catalogue, most used first. The result is cached for a minute. */
export type ListRemovedScopes = () => Promise<RemovedScope[]>

export function createRemovedScopes(db: Database, catalogue: Pick<Catalogue, 'has'>): ListRemovedScopes {
  let cached: { readAt: number; scopes: Promise<RemovedScope[]> } | undefined

  async function read(): Promise<RemovedScope[]> {
    const rows = await db.query<{ scope: string; tokens: number | string }>(COUNTS, [MAX_TOKENS_READ])
    const removed = rows.filter(({ scope }) => isCatalogued(scope) && !catalogue.has(scope))
    return removed.map(({ scope, tokens }) => ({ scope, tokens: Number(tokens) }))
  }

  return () => {
    if (cached && performance.now() - cached.readAt < CACHE_MS) return cached.scopes
    const scopes = read()
    cached = { readAt: performance.now(), scopes }
    // Failures are not cached.
    scopes.catch(() => {
      cached = undefined
    })
    return scopes
  }
}

/** Imported scopes were never in the catalogue. */
const isCatalogued = (scope: string) => scope !== WILDCARD && !scope.startsWith(LEGACY_PREFIX)

const COUNTS = `
  select scope, count(*) as tokens
  from (select scopes, revoked, expires_at from oauth_access_tokens order by id desc limit ?) newest,
    jsonb_array_elements_text(newest.scopes) scope
  where not revoked and expires_at > now()
  group by scope order by tokens desc, scope`
