import type { Database, Em } from '../database/database.ts'
import { newId } from '../database/ids.ts'
import { isEndedUnseen } from '../imported/end-unseen.ts'
import type { RefreshHash } from '../imported/refresh-hash.ts'
import type { ImportedRefresh } from '../imported/refresh-texts.ts'
import { UNBOUND } from '../imported/row.entity.ts'
import { createMapScopes } from '../imported/scopes.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { RefreshToken } from './refresh.entity.ts'

/**
 * Stores a refresh token of Passport whose access token had been deleted there: only its text names the user and the client,
 * so it is imported without them and stored when the text is first seen.
 */
export type BindRefresh = (imported: ImportedRefresh, refreshHash: RefreshHash) => Promise<void>

const CLAIM = `
  update oauth_imported_rows set row_id = ? where kind = 'refresh' and source_id = ? and source = ? and row_id = ?
  returning row_id`
const LOCK = 'select u.id from users u join oauth_clients c on c.id = ? where u.id = ? for share of u'
const FIND = `select row_id from oauth_imported_rows where kind = ? and source_id = ? and source = ?`

export interface BindRefreshOptions {
  db: Database
  catalogue: Catalogue
}

export function createBindRefresh({ db, catalogue }: BindRefreshOptions): BindRefresh {
  async function rowOf(em: Em, kind: string, id: string, source: string): Promise<string | undefined> {
    return ((await em.execute(FIND, [kind, id, source])) as { row_id: string }[])[0]?.row_id
  }

  /** Waits for a revocation that is running, and sees it. What was deleted here since has no refresh tokens. */
  async function mayStore(em: Em, source: string, of: { user: string; client: string }): Promise<boolean> {
    const exist = (await em.execute(LOCK, [of.client, of.user])).length > 0
    return exist && !(await isEndedUnseen(em, source, of))
  }

  async function store(em: Em, imported: ImportedRefresh, refreshHash: RefreshHash): Promise<void> {
    const { source, id, client: clientId, user: userId, scopes, expiresAt } = imported
    const table = source.settings?.userTables[clientId] ?? 'users'
    const client = await rowOf(em, 'client', clientId, source.name)
    const user = userId === null ? undefined : await rowOf(em, 'user', `${table}/${userId}`, source.name)
    if (client === undefined || user === undefined || !(await mayStore(em, source.name, { user, client }))) return
    const row = newId()
    // Only one of several requests with the same text stores it.
    if ((await em.execute(CLAIM, [row, id, source.name, UNBOUND])).length === 0) return
    const map = createMapScopes(new Map(Object.entries(source.settings?.scopes ?? {})), catalogue)
    await em.insert(RefreshToken, {
      id: row,
      hash: refreshHash(source.name, id),
      grant: newId(),
      accessToken: newId(),
      user,
      client,
      scopes: map(scopes),
      audience: null,
      revoked: false,
      usedAt: null,
      replay: null,
      createdAt: new Date(),
      expiresAt: new Date(Math.floor(expiresAt / 1_000) * 1_000),
    })
  }

  return async (imported, refreshHash) => {
    const { id, source } = imported
    const [row] = await db.query<{ row_id: string }>(FIND, ['refresh', id, source.name])
    if (row?.row_id === UNBOUND) await db.transaction(em => store(em, imported, refreshHash))
  }
}
