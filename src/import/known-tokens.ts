import type { Database } from '../database/database.ts'
import { StartupError } from '../errors/errors.ts'
import type { TokenDraft } from './drafts.ts'

/** The row of a token that was imported. */
export interface KnownToken {
  id: string
  user: string | null
  client: string
  scopes: string[]
  grant: string | null
  /** undefined: it has to be read. */
  audience?: string | null
  revoked: boolean
  /** Whether it was revoked here, after it was imported. */
  revokedHere: boolean
  lastUsedAt: Date | null
}

interface Row {
  source_id: string
  id: string | null
  user_id: string | null
  client_id: string
  scopes: string[]
  grant_id: string | null
  hash: Buffer | null
  revoked: boolean
  changed: boolean
  last_used_at: string | Date | null
}

/**
 * The tokens of a batch that were imported before. Those that were deleted here since are known too, without a row.
 * @throws StartupError when a row has the id of a token that was imported from another database
 */
export async function findKnownTokens(
  db: Database,
  source: string,
  drafts: readonly Pick<TokenDraft, 'sourceId' | 'hash' | 'repeated'>[],
): Promise<Map<string, KnownToken | undefined>> {
  const ids = drafts.map(({ sourceId }) => sourceId)
  const rows = await db.call<Row>('find_imported_tokens', [JSON.stringify(ids), source])
  const hashes = new Map(drafts.map(({ sourceId, hash, repeated }) => [sourceId, repeated ? null : hash]))
  for (const { source_id: id, hash } of rows) {
    const expected = hashes.get(id)
    if (hash && expected && !expected.equals(hash)) throw otherDatabase(source, id)
  }
  return new Map(rows.map(row => [row.source_id, toKnown(row)]))
}

function toKnown(row: Row): KnownToken | undefined {
  if (row.id === null) return undefined
  const { id, user_id: user, client_id: client, scopes, grant_id: grant, revoked } = row
  const lastUsedAt = row.last_used_at === null ? null : new Date(row.last_used_at)
  return { id, user, client, scopes, grant, revoked, revokedHere: revoked && row.changed, lastUsedAt }
}

const otherDatabase = (source: string, id: string) =>
  new StartupError(
    `The token ${id} of the source "${source}" is not the one that was imported under this id. Is it another database? ` +
      'Give each one a name of its own: --source.',
  )
