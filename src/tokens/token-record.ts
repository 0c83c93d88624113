import { type OnUse, Token } from '../../packages/guard/src/token.ts'
import { scopesForRole } from '../scopes/admin.ts'
import type { Role } from '../users/user.entity.ts'
import type { StatusReference } from './mint.ts'
import { PARENT_COLUMNS, PARENT_JOINS, type ParentColumns, parentRefusal } from './parent.ts'

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

/** A token with its user, its client and what it was exchanged for. */
export interface TokenWithOwnersRow extends ParentColumns {
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

/** Selects {@link TokenWithOwnersRow}s; a `where` follows. */
export const SELECT_TOKEN = `
  select t.id, t.status_list, t.status_index, t.user_id, t.client_id, t.name, t.scopes, t.revoked, t.suspended, t.audience, t.created_at, t.expires_at,
    c.revoked as client_revoked, u.name as user_name, u.email, u.role,
    u.created_at as user_created_at, u.updated_at as user_updated_at, u.disabled_at is not null as disabled,
    ${PARENT_COLUMNS}
  from oauth_access_tokens t
  join oauth_clients c on c.id = t.client_id
  left join users u on u.id = t.user_id
  ${PARENT_JOINS}`

/** @param inherit whether the catalogue's scopes include those below them */
export function toRecord(row: TokenWithOwnersRow, inherit: boolean, onUse: OnUse | undefined): TokenRecord {
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

function refusal(row: TokenWithOwnersRow): string | undefined {
  if (row.revoked) return 'The access token has been revoked.'
  if (row.suspended) return 'The access token is suspended.'
  if (row.client_revoked) return 'The client of the access token has been revoked.'
  if (row.user_id && row.disabled) return 'The user of the access token is disabled.'
  return parentRefusal(row)
}
