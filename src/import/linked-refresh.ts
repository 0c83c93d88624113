import { UNBOUND } from '../imported/row.entity.ts'
import type { ImportContext } from './context.ts'
import { createEndRefresh } from './end-refresh.ts'
import { findKnownTokens } from './known-tokens.ts'
import { findImported, noteImported } from './lookup.ts'
import { createImportRefresh, LIMITED } from './refresh.ts'
import type { LinkedDraft } from './systems/system.ts'

/** Imports refresh tokens that have a table of their own, after the access tokens. */
export type ImportLinked = (drafts: readonly LinkedDraft[]) => Promise<void>

const DELETED = 'its access token was deleted or not imported; its text names the user when it is first used'
const ENDED = 'it has expired, or has been used or revoked'

export function createImportLinked(context: ImportContext, options: { neverEndsAt: Date }): ImportLinked {
  const { services, source, report, dryRun } = context
  const importRefresh = createImportRefresh(context, options)
  const endRefresh = createEndRefresh(context)

  /** Its access token was deleted in the source; only the text names its user and its client. */
  async function importUnbound(drafts: readonly LinkedDraft[]): Promise<void> {
    const ids = drafts.map(({ sourceId }) => sourceId)
    const known = await findImported(services.db, source, 'refresh', ids)
    const isLive = ({ revoked, expiresAt, audience }: LinkedDraft) =>
      !revoked && !audience && (!expiresAt || expiresAt.getTime() > Date.now())
    const fresh = drafts.filter(draft => !known.has(draft.sourceId) && isLive(draft))
    const rows = new Map(fresh.map(({ sourceId }) => [sourceId, UNBOUND]))
    if (!dryRun) await services.db.transaction(em => noteImported(em, source, 'refresh', rows))
    const ended = drafts.filter(({ sourceId, revoked, audience }) => (revoked || audience) && known.has(sourceId))
    const updated = await endRefresh(ended.map(({ sourceId }) => sourceId))
    report.count('refresh_tokens', 'updated', updated.length)
    report.count('refresh_tokens', 'read', drafts.length)
    report.count('refresh_tokens', 'known', known.size)
    report.count('refresh_tokens', 'imported', fresh.length)
    for (const { sourceId } of fresh) report.remark('refresh_tokens', sourceId, DELETED)
    const refused = drafts.filter(one => !known.has(one.sourceId) && !isLive(one))
    for (const { sourceId, audience } of refused) report.refuse('refresh_tokens', sourceId, audience ? LIMITED : ENDED)
  }

  return async drafts => {
    const wanted = drafts.map(({ token }) => ({ sourceId: token, hash: null }))
    const tokens = await findKnownTokens(services.db, source, wanted)
    const { id: personal } = await services.clients.personalAccess()
    const bound = drafts.filter(({ token }) => tokens.has(token))
    await importUnbound(drafts.filter(({ token }) => !tokens.has(token)))
    const linked = bound.map(draft => {
      const client = tokens.get(draft.token)?.client
      return { ...draft, client: client === undefined || client === personal ? null : client }
    })
    await importRefresh(linked, tokens)
  }
}
