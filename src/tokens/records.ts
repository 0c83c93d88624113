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

/** The user of a request, as far as a request needs to know. */
export interface PublicUser {
  id: string
  email: string
  name: string
  role: Role
  createdAt: Date
  updatedAt: Date
}

/** The user behind each token that was read, for `request.user`. */
const users = new WeakMap<Token, PublicUser | null>()

export const userOfToken = (token: Token): PublicUser | null => users.get(token) ?? null

/** For a token that is made here rather than read. */
export const setUserOfToken = (token: Token, user: PublicUser): void => void users.set(token, user)

/** What the database says of a token now. */
export interface TokenRecord {
  readonly token: Token
  readonly user: PublicUser | null
  /** Why it opens nothing, or undefined. Expiry is not among it: that changes without anyone's doing. */
  readonly refusal: string | undefined
  /** The resources it is for, separated by spaces; null: it names none. */
  readonly audience: string | null
  /** Milliseconds since the epoch, as is `expiresAt`. */
  readonly issuedAt: number
  readonly expiresAt: number
  /** Where its status stands. */
  readonly statusReference: StatusReference
  /** The client of the token that it was exchanged for: revoking that ends it too. */
  readonly parentClientId: string | null
}

/** Something that names a token and lives as long as its text is remembered: beside it stands what was found of it. */
export interface CacheEntry {
  readonly id: string
  record?: TokenRecord | undefined
  /** How many changes had been heard of by then. */
  recordVersion?: number | undefined
}

/** The truth about tokens, kept in memory for as long as it is known to be the truth. */
export interface TokenRecords {
  /** What memory holds, or undefined: then ask. */
  fromCache(entry: CacheEntry): TokenRecord | undefined
  /** How many changes have been heard of; undefined: this node cannot hear, and nothing in memory counts. */
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

/** Users and clients whose changes are remembered; with more, the records in memory are dropped instead. */
const MAX_CHANGED = 10_000

export interface RecordsOptions {
  /** Records held in memory, about 700 bytes each. */
  cacheSize?: number
  /** Told what checks asked of a token. */
  onUse?: OnUse
}

export function createTokenRecords(
  db: Database,
  bus: InvalidationBus,
  catalogue: Catalogue,
  { cacheSize = 100_000, onUse }: RecordsOptions = {},
): TokenRecords {
  const cache = new LruCache<string, CachedRecord>(cacheSize)
  /** When users and clients changed, by `bus.version`: one change may make many records outdated. */
  const changedAtVersion = new Map<string, number>()
  const loading = new Map<string, Promise<TokenRecord | undefined>>()

  bus.subscribe(change => {
    if (change.kind === 'token') cache.delete(change.id)
    if (change.kind === 'user' || change.kind === 'client') changedAtVersion.set(change.id, bus.version)
    if (change.kind !== 'everything' && changedAtVersion.size <= MAX_CHANGED) return
    cache.clear()
    changedAtVersion.clear()
  })

  /** What is in memory, unless its user or one of its clients has changed since it was read. */
  function getCached(id: string): TokenRecord | undefined {
    const cached = cache.get(id)
    if (!cached) return undefined
    const { token, parentClientId } = cached.record
    const isFresh = [token.userId, token.clientId, parentClientId].every(
      of => !of || !(changedAtVersion.get(of)! > cached.version),
    )
    if (!isFresh) cache.delete(id)
    return isFresh ? cached.record : undefined
  }

  function load(where: string, value: unknown): Promise<TokenRecord | undefined> {
    const select = () => db.query<Row>(`${SELECT} where ${where}`, [value])
    return bus.readAtVersion(select, ([row], concurrent) => {
      const record = row && toRecord(limitToParent(row, catalogue.inherit), catalogue.inherit, onUse)
      // What changed while its row was on its way may be the row as it was before.
      const outdated = record && concurrent.some(change => invalidates(change, record))
      if (record && bus.connected && !outdated) cache.set(record.token.id, { record, version: bus.version })
      return record
    })
  }

  /** Ten requests that miss together ask once; but never one that asks after a change with one from before it. */
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
      // Nothing at all has changed since: the look-up is spared, a good part of what a check costs.
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

/** Whether what is known of a token may be so no longer. */
function invalidates(change: Change, { token, parentClientId }: TokenRecord): boolean {
  if (change.kind === 'token') return change.id === token.id
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
    // Who is an administrator no more has no administrator's scopes, whatever the token was given.
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

/** Why a token opens nothing now, or undefined. */
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
