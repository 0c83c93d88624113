import type { Database } from '../database/database.ts'
import type { Role } from '../users/user.entity.ts'

/** A person who looks after a service account. */
export interface MaintainerView {
  id: string
  name: string
  /** null: a user of an application, which alone knows it. */
  email: string | null
  /** Whether the person is disabled, and cannot look after it for now. */
  disabled: boolean
}

/** A service account, as administrators and its maintainers see it. */
export interface Account {
  id: string
  name: string
  email: string
  description: string
  role: Role
  /** The scopes that its tokens may have; null: those that who issues them may have. */
  allowedScopes: string[] | null
  maintainers: MaintainerView[]
  /** Personal tokens that are neither revoked nor expired. */
  liveTokens: number
  disabledAt: Date | null
  createdAt: Date
  updatedAt: Date
}

/** What a change of an account can change, and its row. */
export type AccountState = Omit<Account, 'maintainers' | 'liveTokens' | 'email'> & { email: string | null }

interface AccountRow {
  id: string
  name: string
  email: string
  description: string
  role: Role
  allowed_scopes: string[] | null
  maintainers: MaintainerView[]
  live_tokens: number
  disabled_at: Date | string | null
  created_at: Date | string
  updated_at: Date | string
}

const SELECT = `
  select u.id, u.name, u.email, u.role, u.disabled_at, u.created_at, u.updated_at, s.description, u.allowed_scopes,
    (select count(*)::int from oauth_access_tokens t
      where t.user_id = u.id and not t.revoked and t.parent_id is null and t.expires_at > now()) as live_tokens,
    (select coalesce(json_agg(json_build_object('id', p.id, 'name', p.name, 'email', p.email,
        'disabled', p.disabled_at is not null) order by p.name, p.id), '[]')
      from service_account_maintainers m join users p on p.id = m.user_id where m.account_id = u.id) as maintainers
  from users u join service_accounts s on s.user_id = u.id`

const MAINTAINED = 'exists (select from service_account_maintainers m where m.account_id = u.id and m.user_id = ?)'

/** Conditions, all of which must hold. `after`: the last id of the previous page. */
export interface AccountFilter {
  id?: string | undefined
  maintainer?: string | undefined
  /** For `ilike` on the name. */
  pattern?: string | undefined
  after?: string | undefined
  limit?: number
}

/** Reads accounts, oldest first, by one statement. */
export async function readAccounts(db: Database, { limit = 50, ...filter }: AccountFilter): Promise<Account[]> {
  const conditions = [
    ['u.id = ?', filter.id],
    [MAINTAINED, filter.maintainer],
    ['u.name ilike ?', filter.pattern],
    ['u.id > ?', filter.after],
  ].filter((condition): condition is [string, string] => condition[1] !== undefined)
  const where = ["u.kind = 'service'", ...conditions.map(([sql]) => sql)].join(' and ')
  const values = [...conditions.map(([, value]) => value), limit]
  const rows = await db.query<AccountRow>(`${SELECT} where ${where} order by u.id limit ?`, values)
  return rows.map(toAccount)
}

const toAccount = ({
  allowed_scopes,
  live_tokens,
  disabled_at,
  created_at,
  updated_at,
  ...row
}: AccountRow): Account => ({
  ...row,
  allowedScopes: allowed_scopes,
  liveTokens: live_tokens,
  disabledAt: disabled_at === null ? null : new Date(disabled_at),
  createdAt: new Date(created_at),
  updatedAt: new Date(updated_at),
})
