import { newId } from '../database/ids.ts'
import { queryByIndex } from './by-index.ts'
import type { ImportContext } from './context.ts'
import type { RefreshDraft } from './drafts.ts'
import { createEndRefresh } from './end-refresh.ts'
import type { KnownToken } from './known-tokens.ts'
import { findImported } from './lookup.ts'
import { REJECTED, writeAccepted } from './rejected.ts'

const FIND_LIMITED = `
  select t.id from jsonb_array_elements_text(?::jsonb) wanted (id) join oauth_access_tokens t on t.id = wanted.id::uuid
  where t.audience is not null`

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
/** It would get tokens for the whole deployment. */
export const LIMITED = 'it is for some APIs only: its app has to ask the user again'
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

  /** The ids in the source of those that are for some APIs only. */
  async function limitedAmong(
    drafts: readonly LinkedRefresh[],
    tokens: ReadonlyMap<string, KnownToken | undefined>,
  ): Promise<Set<string>> {
    const unsaid = drafts.flatMap(({ sourceId, audience, token }) => {
      const known = tokens.get(token)
      return audience === undefined && known ? [{ sourceId, ...known }] : []
    })
    const unread = unsaid.filter(({ audience }) => audience === undefined).map(({ id }) => id)
    const rows =
      unread.length === 0 ? [] : await queryByIndex<{ id: string }>(db, FIND_LIMITED, [JSON.stringify(unread)])
    const limited = new Set(rows.map(({ id }) => id))
    const ofTokens = unsaid.filter(({ id, audience }) => audience || limited.has(id))
    return new Set([...drafts.filter(({ audience }) => audience), ...ofTokens].map(({ sourceId }) => sourceId))
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
    const limited = await limitedAmong(drafts, tokens)
    const ended = drafts.filter(({ sourceId, revoked }) => (revoked || limited.has(sourceId)) && known.has(sourceId))
    const updated = await endRefresh(ended.map(({ sourceId }) => sourceId))
    report.count('refresh_tokens', 'updated', updated.length)
    const fresh = drafts.filter(({ sourceId }) => !known.has(sourceId))
    for (const { sourceId } of fresh) if (limited.has(sourceId)) report.refuse('refresh_tokens', sourceId, LIMITED)
    await importNew(
      fresh.filter(({ sourceId }) => !limited.has(sourceId)),
      tokens,
    )
  }
}
