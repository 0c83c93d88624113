import { UNBOUND } from '../imported/row.entity.ts'
import { queryByIndex } from './by-index.ts'
import type { ImportContext } from './context.ts'
import { createEndRefresh } from './end-refresh.ts'
import { IdSet } from './id-set.ts'

/** Finds rows that were imported before and no longer exist in the source: Sanctum revokes a token by deleting it. */
export interface DeletedTokens {
  /** Notes that the source still has this row. @returns whether it is noted for the first time */
  see(kind: DeletableKind, sourceId: string): boolean
  /** Revokes the tokens of a kind that were not seen. */
  revokeUnseen(kind: DeletableKind): Promise<void>
}

export type DeletableKind = 'token' | 'refresh'

const PAGE = 2_000
/** Tokens that were imported and may be live. One that has expired may have been pruned in the source. */
const SELECT: Record<DeletableKind, string> = {
  token: `
    select r.source_id, t.id from oauth_imported_rows r join oauth_access_tokens t on t.id = r.row_id
    where r.kind = 'token' and r.source = ? and r.source_id > ? and not t.revoked and t.expires_at > now()
    order by r.source_id limit ?`,
  refresh: `
    select r.source_id, r.row_id as id from oauth_imported_rows r left join oauth_refresh_tokens t on t.id = r.row_id
    where r.kind = 'refresh' and r.source = ? and r.source_id > ? and (r.row_id = '${UNBOUND}' or t.expires_at > now())
    order by r.source_id limit ?`,
}
const PARTS = { token: 'tokens', refresh: 'refresh_tokens' } as const
const DELETED = 'it was deleted in the source, so it is revoked'

interface Row {
  source_id: string
  id: string
}

export function createDeletedTokens(context: ImportContext): DeletedTokens {
  const { services, source, report, dryRun } = context
  const seen = { token: new IdSet(), refresh: new IdSet() }
  const endRefresh = createEndRefresh(context)

  async function revokeTokens(rows: Row[]): Promise<string[]> {
    if (!dryRun) await Promise.all(rows.map(({ id }) => services.revokeToken(id)))
    return rows.map(row => row.source_id)
  }

  const revoke = { token: revokeTokens, refresh: (rows: Row[]) => endRefresh(rows.map(row => row.source_id)) }

  return {
    see: (kind, sourceId) => seen[kind].add(sourceId),
    async revokeUnseen(kind) {
      for (let after = ''; ; ) {
        const rows = await queryByIndex<Row>(services.db, SELECT[kind], [source, after, PAGE])
        const revoked = await revoke[kind](rows.filter(row => !seen[kind].has(row.source_id)))
        report.count(PARTS[kind], 'updated', revoked.length)
        for (const id of revoked) report.remark(PARTS[kind], id, DELETED)
        if (rows.length < PAGE) return
        after = rows.at(-1)?.source_id as string
      }
    },
  }
}
