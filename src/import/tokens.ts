import { newId } from '../database/ids.ts'
import type { MapScopes } from '../imported/scopes.ts'
import { createTokenImporter, type ImportedTokenRow } from '../tokens/import.ts'
import { importedListEnd } from '../tokens/imported-list-end.ts'
import type { TokenRow } from '../tokens/insert-batch.ts'
import { TOKEN_DEFAULTS } from '../tokens/mint.ts'
import type { ImportContext } from './context.ts'
import type { TokenDraft } from './drafts.ts'
import { findKnownTokens, type KnownToken } from './known-tokens.ts'
import { importedName } from './names.ts'
import { createFindOwners, type Owners } from './owners.ts'
import { createImportRefresh } from './refresh.ts'
import { REJECTED, writeAccepted } from './rejected.ts'
import { createUpdateTokens } from './update-tokens.ts'

/** Imports a batch of tokens, or updates those that were imported before. */
export type ImportTokenDrafts = (drafts: readonly TokenDraft[]) => Promise<void>

export interface ImportTokensOptions {
  mapScopes: MapScopes
  /** When tokens end that have no end in the source. */
  neverEndsAt: Date
}

const NO_END = 'it had no end'
const SAME_TEXT = 'another token has the same text, or its user or client is no longer active'
const UNNAMED = 'Imported token'
const NO_REFERENCE = { list: 0, index: 0 }

export function createImportTokens(context: ImportContext, options: ImportTokensOptions): ImportTokenDrafts {
  const { services, source, report, dryRun } = context
  const { mapScopes, neverEndsAt } = options
  const insert = createTokenImporter(services.db)
  const update = createUpdateTokens(context)
  const findOwners = createFindOwners(context)
  const importRefresh = createImportRefresh(context, options)

  async function toRow(draft: TokenDraft, { user, client, personal }: Owners): Promise<TokenRow> {
    const { hash, revoked, lastUsedAt, scopes, audience = null } = draft
    const expiresAt = wholeSecond(draft.expiresAt ?? neverEndsAt)
    const { list, index } = dryRun ? NO_REFERENCE : await services.takeStatusReference(importedListEnd(expiresAt))
    const createdAt = draft.createdAt ?? new Date()
    const name = personal ? importedName(draft.name ?? '', UNNAMED) : draft.name && importedName(draft.name, UNNAMED)
    return {
      ...TOKEN_DEFAULTS,
      id: newId(),
      user,
      client,
      name,
      scopes: mapScopes(scopes),
      audience,
      format: hash ? 'opaque' : 'jwt',
      hash,
      grant: draft.refresh ? newId() : null,
      revoked,
      lastUsedAt,
      expiresAt,
      createdAt,
      updatedAt: createdAt,
      statusList: list,
      statusIndex: index,
    }
  }

  async function importNew(drafts: readonly TokenDraft[]): Promise<Map<string, KnownToken>> {
    const owners = await findOwners(drafts)
    const rows: (ImportedTokenRow & { draft: TokenDraft })[] = []
    const isFirst = createIsFirst()
    for (const draft of drafts) {
      const owner = isFirst(draft.hash) ? owners(draft) : SAME_TEXT
      if (typeof owner === 'string') report.refuse('tokens', draft.sourceId, owner)
      else rows.push({ row: await toRow(draft, owner), sourceId: draft.sourceId, draft })
    }
    const write = async (part: typeof rows) => (dryRun ? part.map(({ row }) => row.id) : insert(source, part))
    const { results, rejected } = await writeAccepted(rows, write)
    const written = new Set(results.flatMap(ids => [...ids]))
    for (const one of rows)
      note(one.draft, one.row, written.has(one.row.id) || (rejected.includes(one) ? REJECTED : SAME_TEXT))
    const inserted = rows.filter(({ row }) => written.has(row.id))
    return new Map(inserted.map(({ sourceId, row }) => [sourceId, { ...row, revokedHere: false }]))
  }

  function note({ sourceId, expiresAt, name }: TokenDraft, row: TokenRow, written: true | string): void {
    if (written !== true) {
      report.refuse('tokens', sourceId, written)
      return
    }
    report.count('tokens', 'imported')
    if (expiresAt === null) report.remark('tokens', sourceId, `${NO_END}: it ends at ${row.expiresAt.toISOString()}`)
    if (row.name !== name)
      report.remark('tokens', sourceId, 'its name is empty, or had characters that a name cannot have')
  }

  return async all => {
    report.count('tokens', 'read', all.filter(({ repeated }) => !repeated).length)
    const known = await findKnownTokens(services.db, source, all)
    // Another row with the id of one that was not imported is none of its own.
    const drafts = all.filter(({ sourceId, repeated }) => !repeated || known.has(sourceId))
    report.count('tokens', 'known', drafts.filter(({ sourceId, repeated }) => !repeated && known.has(sourceId)).length)
    await update(
      drafts.filter(({ sourceId }) => known.has(sourceId)),
      known,
    )
    const fresh = drafts.filter(({ sourceId }) => !known.has(sourceId))
    const inserted = fresh.length > 0 ? await importNew(fresh) : new Map<string, KnownToken>()
    await importRefresh(withRefresh(drafts), new Map([...known, ...inserted]))
  }
}

const withRefresh = (drafts: readonly TokenDraft[]) =>
  drafts.flatMap(({ sourceId, client, refresh }) => (refresh ? [{ ...refresh, token: sourceId, client }] : []))

/** Two rows with the same text cannot be inserted by one statement. */
function createIsFirst(): (hash: Buffer | null) => boolean {
  const seen = new Set<string>()
  return hash => {
    const key = hash?.toString('hex')
    const isFirst = key === undefined || !seen.has(key)
    if (key !== undefined) seen.add(key)
    return isFirst
  }
}

const wholeSecond = (date: Date) => new Date(Math.floor(date.getTime() / 1_000) * 1_000)
