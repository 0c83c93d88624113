import { newId } from '../database/ids.ts'
import type { ImportContext } from './context.ts'
import type { RefreshDraft } from './drafts.ts'
import { createEndRefresh } from './end-refresh.ts'
import type { KnownToken } from './known-tokens.ts'
import { findImported } from './lookup.ts'
import { REJECTED, writeAccepted } from './rejected.ts'

/** A refresh token with the access token that it was issued with. */
export interface LinkedRefresh extends RefreshDraft {
  /** The id of the access token in the source. */
  token: string
  /** The id of the client in the source; null: a personal token. */
  client: string | null
}

/** Imports refresh tokens, or updates those that were imported before. */
export type ImportRefresh = (
  drafts: readonly LinkedRefresh[],
  tokens: ReadonlyMap<string, KnownToken | undefined>,
) => Promise<void>

const NO_TOKEN = 'its access token was not imported'
const REVOKED_HERE = 'its access token was revoked here'
const MACHINES = 'it belongs to no user'
const PERSONAL = 'it belongs to no client'
const REVOKED = 'it has been used or revoked'
const EXPIRED = 'it has expired'
const SAME_TEXT = 'another refresh token has the same text'

export function createImportRefresh(context: ImportContext, { neverEndsAt }: { neverEndsAt: Date }): ImportRefresh {
  const { services, source, report, dryRun } = context
  const { db } = services
  const endRefresh = createEndRefresh(context)

  /** @returns the ids in the source of those that were inserted */
  async function insert(rows: readonly object[]): Promise<string[]> {
    const values = [JSON.stringify(rows), source]
    const written = await db.call<{ import_refresh_tokens: string }>('import_refresh_tokens', values)
    return written.map(row => row.import_refresh_tokens)
  }

  /** @returns the row, or why there is none */
  function toRow(draft: LinkedRefresh, token: KnownToken | undefined) {
    const expiresAt = draft.expiresAt ?? neverEndsAt
    if (draft.revoked) return REVOKED
    if (expiresAt.getTime() <= Date.now()) return EXPIRED
    if (draft.client === null) return PERSONAL
    if (!token) return NO_TOKEN
    if (token.revokedHere) return REVOKED_HERE
    if (token.user === null) return MACHINES
    const { id: access_token_id, user: user_id, client: client_id, scopes, grant } = token
    const hash = `\\x${draft.hash.toString('hex')}`
    const owner = { access_token_id, user_id, client_id, scopes, grant_id: grant ?? newId() }
    return { id: newId(), source_id: draft.sourceId, hash, expires_at: expiresAt, ...owner }
  }

  async function importNew(drafts: readonly LinkedRefresh[], tokens: Parameters<ImportRefresh>[1]): Promise<void> {
    const rows = drafts.flatMap(draft => {
      const row = toRow(draft, tokens.get(draft.token))
      if (typeof row !== 'string') return row
      report.refuse('refresh_tokens', draft.sourceId, row)
      return []
    })
    if (rows.length === 0) return
    const write = async (part: typeof rows) => (dryRun ? part.map(row => row.source_id) : insert(part))
    const { results, rejected } = await writeAccepted(rows, write)
    const ids = new Set(results.flat())
    report.count('refresh_tokens', 'imported', ids.size)
    for (const row of rows.filter(({ source_id: id }) => !ids.has(id)))
      report.refuse('refresh_tokens', row.source_id, rejected.includes(row) ? REJECTED : SAME_TEXT)
  }

  return async (drafts, tokens) => {
    if (drafts.length === 0) return
    report.count('refresh_tokens', 'read', drafts.length)
    const ids = drafts.map(({ sourceId }) => sourceId)
    const known = await findImported(db, source, 'refresh', ids)
    report.count('refresh_tokens', 'known', known.size)
    const ended = drafts.filter(({ sourceId, revoked }) => revoked && known.has(sourceId))
    const updated = await endRefresh(ended.map(({ sourceId }) => sourceId))
    report.count('refresh_tokens', 'updated', updated.length)
    await importNew(
      drafts.filter(({ sourceId }) => !known.has(sourceId)),
      tokens,
    )
  }
}
