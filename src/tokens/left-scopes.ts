import { WILDCARD } from '../../packages/guard/src/scope-set.ts'
import type { Database } from '../database/database.ts'
import type { Catalogue } from '../scopes/catalogue.ts'

/** A scope that live tokens have and the catalogue has no longer. */
export interface LeftScope {
  scope: string
  /** How many live tokens have it, among those that were looked at. */
  tokens: number
}

/** The newest tokens that are looked at: a start must not read a table of millions. */
export const MOST_LOOKED_AT = 100_000
/** Long enough for a page that is reloaded, short enough for whoever has just removed one. */
const KEPT_MS = 60_000

/** The scopes of live tokens that have left the catalogue, most used first; remembered for a minute. */
export type LeftScopes = () => Promise<LeftScope[]>

export function createLeftScopes(db: Database, catalogue: Pick<Catalogue, 'has'>): LeftScopes {
  let known: { readAt: number; scopes: Promise<LeftScope[]> } | undefined

  async function read(): Promise<LeftScope[]> {
    const rows = await db.query<{ scope: string; tokens: number | string }>(COUNTS, [MOST_LOOKED_AT])
    const left = rows.filter(({ scope }) => scope !== WILDCARD && !catalogue.has(scope))
    return left.map(({ scope, tokens }) => ({ scope, tokens: Number(tokens) }))
  }

  return () => {
    if (known && performance.now() - known.readAt < KEPT_MS) return known.scopes
    const scopes = read()
    known = { readAt: performance.now(), scopes }
    // What failed is not remembered.
    scopes.catch(() => {
      known = undefined
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
