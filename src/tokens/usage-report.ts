import type { Database } from '../database/database.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { type AudienceConfig, audienceOf, isMeantForResourceServer } from './audience.ts'
import type { TokenUse, Usage } from './usage.ts'

export interface UsageReportOptions {
  db: Database
  usage: Usage
  catalogue: Catalogue
  config: AudienceConfig
}

/**
 * Stores a resource server's report about the use of tokens that are meant for it. Resolves when it is committed.
 * @param audience the audience of that resource server. Other tokens are ignored, and so are unknown ids: the reporter
 *   cannot distinguish them.
 */
export type IngestUsageReport = (audience: string, uses: readonly ReportedUse[]) => Promise<void>

/** `at` is in milliseconds since the epoch, by the resource server's clock. */
export type ReportedUse = Omit<TokenUse, 'by'> & { scopes: readonly string[] }

export function createIngestUsageReport({ db, usage, catalogue, config }: UsageReportOptions): IngestUsageReport {
  return async (audience, uses) => {
    const isOwn = (row: Row) => isMeantForResourceServer(audienceOf(row.audience, config), audience, config)
    const ids = JSON.stringify([...new Set(uses.map(use => use.id))])
    const rows = await db.query<Row>(ROWS, [ids])
    const ownTokens = new Map(rows.filter(isOwn).map(row => [row.id, row]))
    const now = Date.now()
    const merged = new Map<string, { id: string; at: number; by: string; scopes: Set<string> }>()
    for (const { id, at, scopes } of uses) {
      const row = ownTokens.get(id.toLowerCase())
      // Ignores a use before the token was issued. A JWT has times in whole seconds, and a report may have them too.
      if (!row || at < Math.floor(new Date(row.created_at).getTime() / 1000) * 1000) continue
      const use = merged.get(row.id) ?? { id: row.id, at: 0, by: audience, scopes: new Set<string>() }
      use.at = Math.max(use.at, Math.min(at, now))
      for (const scope of scopes) if (catalogue.has(scope) && catalogue.covers(row.scopes, scope)) use.scopes.add(scope)
      merged.set(row.id, use)
    }
    await usage.write([...merged.values()])
  }
}

interface Row {
  id: string
  scopes: string[]
  audience: string | null
  created_at: Date | string
}

const ROWS = `
  select t.id, t.scopes, t.audience, t.created_at from oauth_access_tokens t
  where t.id in (select jsonb_array_elements_text(?::jsonb)::uuid)`
