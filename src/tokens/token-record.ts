import { type OnUse, Token } from '../../packages/guard/src/token.ts'
import { limitScopes, scopesForRole } from '../scopes/admin.ts'
import type { Role } from '../users/user.entity.ts'
import { setUserRow } from '../users/user-row.ts'
import type { StatusReference } from './mint.ts'
import { PARENT_COLUMNS, PARENT_JOINS, type ParentColumns, parentRefusal } from './parent.ts'

/** The user properties that request handlers need. */
export interface PublicUser {
  /** As `userId` of the token: a UUID, or the id at the application. */
  id: string
  /** null: the application that the user belongs to does not tell it. */
  email: string | null
  /** Whether the address is known to be the user's. */
  emailConfirmed: boolean
  name: string
  role: Role
  /** All scopes that tokens of the user can have; null: no limit. */
  allowedScopes?: readonly string[] | null | undefined
  createdAt: Date
  updatedAt: Date
}

/** The user of each loaded token, for `request.user`. */
const users = new WeakMap<Token, PublicUser | null>()

export const userOfToken = (token: Token): PublicUser | null => users.get(token) ?? null

/** Sets the user of a token. @param row the id of the row of the user */
export function setUserOfToken(token: Token, user: PublicUser, row: string): void {
  users.set(token, user)
  if (row !== user.id) setUserRow(token, row)
}

/** The rows of clients whose `client_id` is not the id of their row, by token. */
const clientRows = new WeakMap<Token, string>()

/** The id of the row of a token's client. `clientId` of the token is the `client_id` of the protocol. */
export const clientRowOf = (token: Token): string => clientRows.get(token) ?? token.clientId

/** The current state of a token in the database. */
export interface TokenRecord {
  readonly token: Token
  readonly user: PublicUser | null
  /** Whom an application has to confirm, by the id there; null: nobody, or it could not change that the token is refused. */
  readonly subject: string | null
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
  subject: string | null
  client_id: string
  metadata_url: string | null
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
  email_confirmed: boolean
  role: Role | null
  allowed_scopes: string[] | null
  user_created_at: Date | string | null
  user_updated_at: Date | string | null
  disabled: boolean
  disabled_by_application: boolean | null
}

/** Selects {@link TokenWithOwnersRow}s; a `where` follows. */
export const SELECT_TOKEN = `
  select t.id, t.status_list, t.status_index, t.user_id, t.client_id, t.name, t.scopes, t.revoked, t.suspended, t.audience, t.created_at, t.expires_at,
    c.revoked as client_revoked, c.metadata_url, u.subject, u.name as user_name, u.email, u.email_confirmed_at is not null as email_confirmed, u.role, u.allowed_scopes,
    u.created_at as user_created_at, u.updated_at as user_updated_at, u.disabled_at is not null as disabled, u.disabled_by_application,
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
    userId: row.subject ?? row.user_id,
    clientId: row.metadata_url ?? row.client_id,
    name: row.name,
    scopes: row.user_id ? scopesOf(row, inherit) : row.scopes,
    expiresAt,
    inherit,
    onUse,
  })
  const user = row.user_id
    ? Object.freeze({
        id: row.subject ?? row.user_id,
        email: row.email,
        emailConfirmed: row.email_confirmed,
        name: row.user_name as string,
        role: row.role as Role,
        allowedScopes: row.allowed_scopes,
        createdAt: new Date(row.user_created_at as string),
        updatedAt: new Date(row.user_updated_at as string),
      })
    : null
  if (user) setUserOfToken(token, user, row.user_id as string)
  if (row.metadata_url !== null) clientRows.set(token, row.client_id)
  const { audience } = row
  const issuedAt = new Date(row.created_at).getTime()
  return {
    token,
    user,
    subject: row.disabled && !row.disabled_by_application ? null : row.subject,
    refusal: refusal(row),
    audience,
    issuedAt,
    expiresAt: expiresAt.getTime(),
    statusReference: { list: row.status_list, index: row.status_index },
    parentId: row.parent_id,
    parentClientId: row.parent_client_id,
  }
}

/** A user who is no longer an administrator, or whom groups limit, loses other scopes of existing tokens. */
const scopesOf = ({ scopes, role, allowed_scopes }: TokenWithOwnersRow, inherit: boolean): string[] =>
  limitScopes(scopesForRole(scopes, role as Role), allowed_scopes, inherit)

function refusal(row: TokenWithOwnersRow): string | undefined {
  if (row.revoked) return 'The access token has been revoked.'
  if (row.suspended) return 'The access token is suspended.'
  if (row.client_revoked) return 'The client of the access token has been revoked.'
  if (row.user_id && row.disabled) return 'The user of the access token is disabled.'
  return parentRefusal(row)
}
