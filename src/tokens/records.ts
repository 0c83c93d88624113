import { invalidToken } from '../../packages/guard/src/errors.ts'
import { LruCache } from '../../packages/guard/src/lru-cache.ts'
import type { OnUse } from '../../packages/guard/src/token.ts'
import type { Change, InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Database } from '../database/database.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { hashSecret } from '../security/secrets.ts'
import { userRowOf } from '../users/user-row.ts'
import { limitToParent } from './parent.ts'
import { clientRowOf, SELECT_TOKEN, type TokenRecord, type TokenWithOwnersRow, toRecord } from './token-record.ts'

export { clientRowOf, type PublicUser, setUserOfToken, type TokenRecord, userOfToken } from './token-record.ts'

/** A cached token text with its token id and, once loaded, its record. */
export interface CacheEntry {
  readonly id: string
  record?: TokenRecord | undefined
  /** The cache version at which `record` was read. */
  recordVersion?: number | undefined
}

/** Loads and caches token records. A cached record is used only while nothing has invalidated it. */
export interface TokenRecords {
  /** The cached record; undefined: call `find`. */
  fromCache(entry: CacheEntry): TokenRecord | undefined
  /** The current cache version; undefined: the node is disconnected from the bus, and no cached record may be used. */
  cacheVersion(): number | undefined
  find(id: string): Promise<TokenRecord | undefined>
  findByText(text: string): Promise<TokenRecord | undefined>
  /** The token with this hash that was imported under this id from any source. */
  findImported(sourceId: string, hash: Buffer): Promise<TokenRecord | undefined>
  /** The JWT with this `jti` that was imported from this source. */
  findImportedJwt(source: string, jti: string): Promise<TokenRecord | undefined>
}

interface CachedRecord {
  record: TokenRecord
  /** `bus.version` when it was read. */
  version: number
}

/** Maximum tracked changes of users and clients. Beyond it, the whole cache is cleared. */
const MAX_CHANGED = 10_000

export interface RecordsOptions {
  /** Maximum cached records, about 700 bytes each. */
  cacheSize?: number
  /** Called with the scopes that a check required. */
  onUse?: OnUse
}

export function createTokenRecords(
  db: Database,
  bus: InvalidationBus,
  catalogue: Catalogue,
  { cacheSize = 100_000, onUse }: RecordsOptions = {},
): TokenRecords {
  const cache = new LruCache<string, CachedRecord>(cacheSize)
  /** The `bus.version` at which users and clients last changed. One such change can invalidate many records. */
  const changedAtVersion = new Map<string, number>()
  const loading = new Map<string, Promise<TokenRecord | undefined>>()

  bus.subscribe(change => {
    if (change.kind === 'token') cache.delete(change.id)
    if (change.kind === 'user' || change.kind === 'client' || isOfExchanged(change))
      changedAtVersion.set(change.id, bus.version)
    if (change.kind !== 'everything' && changedAtVersion.size <= MAX_CHANGED) return
    cache.clear()
    changedAtVersion.clear()
  })

  /** The cached record, unless its user or one of its clients has changed since it was read. */
  function getCached(id: string): TokenRecord | undefined {
    const cached = cache.get(id)
    if (!cached) return undefined
    const { token, parentId, parentClientId } = cached.record
    const isFresh = [userRowOf(token), clientRowOf(token), parentId, parentClientId].every(
      of => !of || !(changedAtVersion.get(of)! > cached.version),
    )
    if (!isFresh) cache.delete(id)
    return isFresh ? cached.record : undefined
  }

  function load(where: string, values: readonly unknown[]): Promise<TokenRecord | undefined> {
    const select = () => db.query<TokenWithOwnersRow>(`${SELECT_TOKEN} where ${where}`, values)
    return bus.readAtVersion(select, ([row], concurrent) => {
      const record = row && toRecord(limitToParent(row, catalogue.inherit), catalogue.inherit, onUse)
      // A change during the query may not be in the row that it returned.
      const outdated = record && concurrent.some(change => invalidates(change, record))
      if (record && bus.connected && !outdated) cache.set(record.token.id, { record, version: bus.version })
      return record
    })
  }

  /** Concurrent loads of a token share one query. A load after a change never shares a query from before it. */
  function loadShared(where: string, ...values: (string | Buffer)[]): Promise<TokenRecord | undefined> {
    if (!bus.connected) return load(where, values)
    const key = [bus.version, ...values.map(value => (typeof value === 'string' ? value : value.toString('hex')))].join(
      ' ',
    )
    const pending = loading.get(key)
    if (pending) return pending
    const started = load(where, values).finally(() => loading.delete(key))
    loading.set(key, started)
    return started
  }

  return {
    fromCache(entry) {
      if (!bus.connected) return undefined
      // Nothing has changed since: skips the look-up, a considerable part of the cost of a check.
      if (entry.recordVersion === bus.version) return entry.record
      entry.record = getCached(entry.id)
      entry.recordVersion = entry.record && bus.version
      return entry.record
    },
    cacheVersion: () => (bus.connected ? bus.version : undefined),
    find: id => loadShared('t.id = ?', id),
    findByText: text => loadShared('t.hash = ?', hashSecret(text)),
    findImported: (sourceId, hash) => loadShared(BY_HASH_AND_ID, hash, sourceId),
    findImportedJwt: (source, jti) => loadShared(BY_JTI, jti, source),
  }
}

const BY_HASH_AND_ID = `t.hash = ? and exists (
  select from oauth_imported_rows r where r.kind = 'token' and r.source_id = ? and r.row_id = t.id)`
const BY_JTI = `t.id = (
  select r.row_id from oauth_imported_rows r where r.kind = 'token' and r.source_id = ? and r.source = ?)`

const isOfExchanged = (change: Change): change is Extract<Change, { kind: 'token' }> =>
  change.kind === 'token' && change.exchanged === true

/** Whether a change may affect a record. */
function invalidates(change: Change, { token, parentId, parentClientId }: TokenRecord): boolean {
  if (change.kind === 'token') return change.id === token.id || (isOfExchanged(change) && change.id === parentId)
  if (change.kind === 'user') return change.id === userRowOf(token)
  if (change.kind === 'client') return change.id === clientRowOf(token) || change.id === parentClientId
  return change.kind === 'everything'
}

/** Why a token is unusable now, or undefined. */
export function refusalReason(record: TokenRecord | undefined, now = Date.now()): string | undefined {
  if (!record) return 'The access token is not known.'
  if (record.refusal) return record.refusal
  return record.expiresAt <= now ? 'The access token has expired.' : undefined
}

/** @throws 401 `invalid_token` that says why */
export function assertUsable(record: TokenRecord | undefined, now = Date.now()): TokenRecord {
  const refusal = refusalReason(record, now)
  if (refusal === undefined) return record as TokenRecord
  throw invalidToken(refusal)
}
