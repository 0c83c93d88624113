import { invalidToken } from '../../packages/guard/src/errors.ts'
import { LruCache } from '../../packages/guard/src/lru-cache.ts'
import { type OnUse, Token } from '../../packages/guard/src/token.ts'
import type { Change, InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Database } from '../database/database.ts'
import { scopesForRole } from '../scopes/admin.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { hashSecret } from '../security/secrets.ts'
import type { Role } from '../users/user.entity.ts'
import type { StatusReference } from './mint.ts'
import { limitToParent, PARENT_COLUMNS, PARENT_JOINS, type ParentColumns, parentRefusal } from './parent.ts'

/** The user properties that request handlers need. */
export interface PublicUser {
  id: string
  email: string
  name: string
  role: Role
  createdAt: Date
  updatedAt: Date
}

/** The user of each loaded token, for `request.user`. */
const users = new WeakMap<Token, PublicUser | null>()

export const userOfToken = (token: Token): PublicUser | null => users.get(token) ?? null

/** Sets the user of a token that was not loaded from the database. */
export const setUserOfToken = (token: Token, user: PublicUser): void => void users.set(token, user)

/** The current state of a token in the database. */
export interface TokenRecord {
  readonly token: Token
  readonly user: PublicUser | null
  /** Why it is unusable, or undefined. Does not include expiry, which needs no event to happen. */
  readonly refusal: string | undefined
  /** The resources that it is for, separated by spaces; null: it names none. */
  readonly audience: string | null
  /** Milliseconds since the epoch, as is `expiresAt`. */
  readonly issuedAt: number
  readonly expiresAt: number
  /** Its status list and index. */
  readonly statusReference: StatusReference
  /** The token that it was exchanged for. */
  readonly parentId: string | null
  /** The client of the token that it was exchanged for. Revoking that client makes this token unusable too. */
  readonly parentClientId: string | null
}

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
}

interface Row extends ParentColumns {
  id: string
  status_list: number
  status_index: number
  user_id: string | null
  client_id: string
  name: string | null
  scopes: string[]
  revoked: boolean
  suspended: boolean
  audience: string | null
  created_at: Date | string
  expires_at: Date | string
  client_revoked: boolean
  user_name: string | null
  email: string | null
  role: Role | null
  user_created_at: Date | string | null
  user_updated_at: Date | string | null
  disabled: boolean
}

const SELECT = `
  select t.id, t.status_list, t.status_index, t.user_id, t.client_id, t.name, t.scopes, t.revoked, t.suspended, t.audience, t.created_at, t.expires_at,
    c.revoked as client_revoked, u.name as user_name, u.email, u.role,
    u.created_at as user_created_at, u.updated_at as user_updated_at, u.disabled_at is not null as disabled,
    ${PARENT_COLUMNS}
  from oauth_access_tokens t
  join oauth_clients c on c.id = t.client_id
  left join users u on u.id = t.user_id
  ${PARENT_JOINS}`

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
    const isFresh = [token.userId, token.clientId, parentId, parentClientId].every(
      of => !of || !(changedAtVersion.get(of)! > cached.version),
    )
    if (!isFresh) cache.delete(id)
    return isFresh ? cached.record : undefined
  }

  function load(where: string, value: unknown): Promise<TokenRecord | undefined> {
    const select = () => db.query<Row>(`${SELECT} where ${where}`, [value])
    return bus.readAtVersion(select, ([row], concurrent) => {
      const record = row && toRecord(limitToParent(row, catalogue.inherit), catalogue.inherit, onUse)
      // A change during the query may not be in the row that it returned.
      const outdated = record && concurrent.some(change => invalidates(change, record))
      if (record && bus.connected && !outdated) cache.set(record.token.id, { record, version: bus.version })
      return record
    })
  }

  /** Concurrent loads of a token share one query. A load after a change never shares a query from before it. */
  function loadShared(where: string, value: string | Buffer): Promise<TokenRecord | undefined> {
    if (!bus.connected) return load(where, value)
    const key = `${bus.version} ${typeof value === 'string' ? value : value.toString('hex')}`
    const pending = loading.get(key)
    if (pending) return pending
    const started = load(where, value).finally(() => loading.delete(key))
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
  }
}

const isOfExchanged = (change: Change): change is Extract<Change, { kind: 'token' }> =>
  change.kind === 'token' && change.exchanged === true

/** Whether a change may affect a record. */
function invalidates(change: Change, { token, parentId, parentClientId }: TokenRecord): boolean {
  if (change.kind === 'token') return change.id === token.id || (isOfExchanged(change) && change.id === parentId)
  if (change.kind === 'user') return change.id === token.userId
  if (change.kind === 'client') return change.id === token.clientId || change.id === parentClientId
  return change.kind === 'everything'
}

function toRecord(row: Row, inherit: boolean, onUse: OnUse | undefined): TokenRecord {
  const expiresAt = new Date(row.expires_at)
  const token = new Token({
    id: row.id,
    userId: row.user_id,
    clientId: row.client_id,
    name: row.name,
    // A user who is no longer an administrator loses the administrative scopes of existing tokens.
    scopes: row.user_id ? scopesForRole(row.scopes, row.role as Role) : row.scopes,
    expiresAt,
    inherit,
    onUse,
  })
  const user = row.user_id
    ? Object.freeze({
        id: row.user_id,
        email: row.email as string,
        name: row.user_name as string,
        role: row.role as Role,
        createdAt: new Date(row.user_created_at as string),
        updatedAt: new Date(row.user_updated_at as string),
      })
    : null
  users.set(token, user)
  const { audience } = row
  const issuedAt = new Date(row.created_at).getTime()
  return {
    token,
    user,
    refusal: refusal(row),
    audience,
    issuedAt,
    expiresAt: expiresAt.getTime(),
    statusReference: { list: row.status_list, index: row.status_index },
    parentId: row.parent_id,
    parentClientId: row.parent_client_id,
  }
}

function refusal(row: Row): string | undefined {
  if (row.revoked) return 'The access token has been revoked.'
  if (row.suspended) return 'The access token is suspended.'
  if (row.client_revoked) return 'The client of the access token has been revoked.'
  if (row.user_id && row.disabled) return 'The user of the access token is disabled.'
  return parentRefusal(row)
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
