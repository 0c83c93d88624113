import { invalidToken } from '../../packages/guard/src/errors.ts'
import { Recent } from '../../packages/guard/src/recent.ts'
import { type OnUse, Token } from '../../packages/guard/src/token.ts'
import type { Change, Changes } from '../cluster/changes.ts'
import type { Database } from '../database/database.ts'
import { scopesForRole } from '../scopes/admin.ts'
import type { Catalogue } from '../scopes/catalogue.ts'
import { hashSecret } from '../security/secrets.ts'
import type { Role } from '../users/user.entity.ts'
import type { StatusIndex } from './mint.ts'
import { bounded, PARENT_COLUMNS, PARENT_JOINS, type ParentColumns, parentRefusal } from './parent.ts'

/** The user of a request, as far as a request needs to know. */
export interface TokenUser {
  id: string
  email: string
  name: string
  role: Role
  createdAt: Date
  updatedAt: Date
}

/** The user behind each token that was read, for `request.user`. */
const users = new WeakMap<Token, TokenUser | null>()

export const userBehind = (token: Token): TokenUser | null => users.get(token) ?? null

/** For a token that is made here rather than read. */
export const setUserBehind = (token: Token, user: TokenUser): void => void users.set(token, user)

/** What the database says of a token now. */
export interface TokenRecord {
  readonly token: Token
  readonly user: TokenUser | null
  /** Why it opens nothing, or undefined. Expiry is not among it: that changes without anyone's doing. */
  readonly refusal: string | undefined
  /** The resources it is for, separated by spaces; null: it names none. */
  readonly audience: string | null
  /** Milliseconds since the epoch, as is `expiresAt`. */
  readonly issuedAt: number
  readonly expiresAt: number
  /** Where its status stands. */
  readonly place: StatusIndex
  /** The client of the token that it was exchanged for: revoking that ends it too. */
  readonly parentClientId: string | null
}

/** Something that names a token and lives as long as its text is remembered: beside it stands what was found of it. */
export interface Holder {
  readonly id: string
  record?: TokenRecord | undefined
  /** How many changes had been heard of by then. */
  recordAt?: number | undefined
}

/** The truth about tokens, kept in memory for as long as it is known to be the truth. */
export interface Records {
  /** What memory holds, or undefined: then ask. */
  peek(holder: Holder): TokenRecord | undefined
  /** How many changes have been heard of; undefined: this node cannot hear, and nothing in memory counts. */
  heard(): number | undefined
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

interface Kept {
  record: TokenRecord
  /** `changes.count` when it was read. */
  at: number
}

/** Users and clients whose changes are remembered; with more, the records in memory are dropped instead. */
const MOST_CHANGED = 10_000

export interface RecordsOptions {
  /** Records held in memory, about 700 bytes each. */
  remember?: number
  /** Told what checks asked of a token. */
  onUse?: OnUse
}

export function createRecords(
  db: Database,
  changes: Changes,
  catalogue: Catalogue,
  { remember = 100_000, onUse }: RecordsOptions = {},
): Records {
  const known = new Recent<string, Kept>(remember)
  /** When users and clients changed, by `changes.count`: one change may make many records outdated. */
  const changedAt = new Map<string, number>()
  const loading = new Map<string, Promise<TokenRecord | undefined>>()

  changes.subscribe(change => {
    if (change.kind === 'token') known.delete(change.id)
    if (change.kind === 'user' || change.kind === 'client') changedAt.set(change.id, changes.count)
    if (change.kind !== 'everything' && changedAt.size <= MOST_CHANGED) return
    known.clear()
    changedAt.clear()
  })

  /** What is in memory, unless its user or one of its clients has changed since it was read. */
  function recall(id: string): TokenRecord | undefined {
    const kept = known.get(id)
    if (!kept) return undefined
    const { token, parentClientId } = kept.record
    const fresh = [token.userId, token.clientId, parentClientId].every(of => !of || !(changedAt.get(of)! > kept.at))
    if (!fresh) known.delete(id)
    return fresh ? kept.record : undefined
  }

  function load(where: string, value: unknown): Promise<TokenRecord | undefined> {
    const select = () => db.query<Row>(`${SELECT} where ${where}`, [value])
    return changes.reading(select, ([row], meanwhile) => {
      const record = row && read(bounded(row, catalogue.inherit), catalogue.inherit, onUse)
      // What changed while its row was on its way may be the row as it was before.
      const old = record && meanwhile.some(change => concerns(change, record))
      if (record && changes.hearing && !old) known.set(record.token.id, { record, at: changes.count })
      return record
    })
  }

  /** Ten requests that miss together ask once; but never one that asks after a change with one from before it. */
  function once(where: string, value: string | Buffer): Promise<TokenRecord | undefined> {
    if (!changes.hearing) return load(where, value)
    const key = `${changes.count} ${typeof value === 'string' ? value : value.toString('hex')}`
    const under = loading.get(key)
    if (under) return under
    const mine = load(where, value).finally(() => loading.delete(key))
    loading.set(key, mine)
    return mine
  }

  return {
    peek(holder) {
      if (!changes.hearing) return undefined
      // Nothing at all has changed since: the look-up is spared, a good part of what a check costs.
      if (holder.recordAt === changes.count) return holder.record
      holder.record = recall(holder.id)
      holder.recordAt = holder.record && changes.count
      return holder.record
    },
    heard: () => (changes.hearing ? changes.count : undefined),
    find: id => once('t.id = ?', id),
    findByText: text => once('t.hash = ?', hashSecret(text)),
  }
}

/** Whether what is known of a token may be so no longer. */
function concerns(change: Change, { token, parentClientId }: TokenRecord): boolean {
  if (change.kind === 'token') return change.id === token.id
  if (change.kind === 'user') return change.id === token.userId
  if (change.kind === 'client') return change.id === token.clientId || change.id === parentClientId
  return change.kind === 'everything'
}

function read(row: Row, inherit: boolean, onUse: OnUse | undefined): TokenRecord {
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
    place: { list: row.status_list, index: row.status_index },
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
export function whyNot(record: TokenRecord | undefined, now = Date.now()): string | undefined {
  if (!record) return 'The access token is not known.'
  if (record.refusal) return record.refusal
  return record.expiresAt <= now ? 'The access token has expired.' : undefined
}

/** @throws 401 `invalid_token` that says why */
export function accept(record: TokenRecord | undefined, now = Date.now()): TokenRecord {
  const refusal = whyNot(record, now)
  if (refusal === undefined) return record as TokenRecord
  throw invalidToken(refusal)
}
