import { createHash } from 'node:crypto'

/** A table of a system to import from. */
export interface Table {
  name: string
  columns: readonly string[]
  rows: number
  /** @param id from 1 */
  row: (id: number) => readonly (string | number | null)[]
}

/** Nobody signs in. */
const PASSWORD = '$2y$12$NNGOOzaGcDpI..pjrqghHOPNBG3C6Hv6hMZyxI4WUm5sbGCrg.EMe'
const TIMES = ['created_at', 'updated_at']
const CLIENTS = 20

const hashed = (text: string) => createHash('sha256').update(text).digest('hex')
const day = (n: number) => new Date(Date.UTC(2022, 0, 1) + n * 1_000).toISOString().slice(0, 19).replace('T', ' ')
const times = (id: number) => [day(id), day(id)]
const endOf = (id: number) => `${2027 + (id % 8)}-06-01 00:00:00`

const users = (rows: number): Table => ({
  name: 'users',
  columns: ['id', 'name', 'email', 'email_verified_at', 'password', 'remember_token', ...TIMES],
  rows,
  row: id => [id, `User ${id}`, `user${id}@example.com`, null, PASSWORD, null, ...times(id)],
})

/** Personal tokens; a quarter never ends. */
function sanctum(rows: number, owners: number): Table[] {
  const columns = ['tokenable_type', 'tokenable_id', 'name', 'token', 'abilities', 'last_used_at', 'expires_at']
  const row: Table['row'] = id => {
    const owner = ['App\\Models\\User', 1 + (id % owners), `token ${id}`]
    const used = id % 3 === 0 ? null : day(id * 2)
    const end = id % 4 === 0 ? null : endOf(id)
    return [id, ...owner, hashed(`token ${id}`), '["server:read","deploy"]', used, end, ...times(id)]
  }
  return [{ name: 'personal_access_tokens', columns: ['id', ...columns, ...TIMES], rows, row }, users(owners)]
}

/** As many refresh tokens as access tokens. */
function passport(rows: number, owners: number): Table[] {
  const jti = (id: number) => (hashed(`jti ${id}`) + hashed(`more ${id}`)).slice(0, 80)
  const client = ['user_id', 'name', 'secret', 'provider', 'redirect', 'personal_access_client', 'password_client']
  return [
    {
      name: 'oauth_clients',
      columns: ['id', ...client, 'revoked', ...TIMES],
      rows: CLIENTS,
      row: id => [id, null, `App ${id}`, `secret ${id}`, null, 'https://app.example.com/cb', 0, 0, 0, ...times(id)],
    },
    {
      name: 'oauth_access_tokens',
      columns: ['id', 'user_id', 'client_id', 'name', 'scopes', 'revoked', ...TIMES, 'expires_at'],
      rows,
      row: id => [jti(id), 1 + (id % owners), 1 + (id % CLIENTS), null, '["read"]', 0, ...times(id), endOf(id)],
    },
    {
      name: 'oauth_refresh_tokens',
      columns: ['id', 'access_token_id', 'revoked', 'expires_at'],
      rows,
      row: id => [hashed(`refresh ${id}`), jti(id), 0, endOf(id)],
    },
    users(owners),
  ]
}

/** Hashed texts, each with a refresh token. */
function doorkeeper(rows: number, owners: number): Table[] {
  const owner = ['resource_owner_id', 'application_id']
  return [
    {
      name: 'oauth_applications',
      columns: ['id', 'name', 'uid', 'secret', 'redirect_uri', 'scopes', 'confidential', ...TIMES],
      rows: CLIENTS,
      row: id => [id, `App ${id}`, `uid-${id}`, `secret ${id}`, 'https://app.example.com/cb', 'read', 1, ...times(id)],
    },
    {
      name: 'oauth_access_tokens',
      columns: ['id', ...owner, 'token', 'refresh_token', 'expires_in', 'scopes', 'revoked_at', 'created_at'],
      rows,
      row: id => {
        const texts = [hashed(`token ${id}`), hashed(`refresh ${id}`)]
        return [id, 1 + (id % owners), 1 + (id % CLIENTS), ...texts, 600_000_000, 'read', null, day(id)]
      },
    },
    users(owners),
  ]
}

/** The tables of a system with so many access tokens, and one user for a hundred. */
export const TABLES: Record<string, (rows: number, owners: number) => Table[]> = { sanctum, passport, doorkeeper }
