import { writeAudit } from '../audit/audit.ts'
import type { InvalidationBus, Publish } from '../cluster/invalidation-bus.ts'
import type { Config } from '../config/config.ts'
import type { Database, Em } from '../database/database.ts'
import { BATCH_SIZE } from '../database/run-batches.ts'
import { conflict } from '../errors/errors.ts'
import { hasAdministrator, lockAdministrators } from '../users/last-administrator.ts'
import type { Role } from '../users/user.entity.ts'
import { toNameKey } from './profile.ts'

/** What groups of the directory give and take. */
export interface Rights {
  /** Whether a group with this name changes the rights of its members. */
  isRelevant(nameKey: string): boolean
  /** Whether a group makes the user an administrator. */
  grantsAdmin(user: string): Promise<boolean>
  /** Must be called before reading the users: changes of administrators wait for each other. */
  lock(em: Em): Promise<void>
  /**
   * Gives each user the role and the scopes that their groups say, in the transaction of `em`, after a change of memberships.
   * Tokens lose scopes with the commit.
   * @throws 409 if no administrator would be left
   */
  apply(em: Em, publish: Publish, users: readonly string[]): Promise<void>
  /** Applies the rights to all users of the directory, after a change of the configuration. */
  applyToAll(): Promise<void>
}

interface Row {
  id: string
  role: Role
  allowed_scopes: string[] | null
  groups: string[]
}

/** Locked in the order of the ids. Whoever changes memberships of the same user waits, and then sees this change. */
const LOCK_USERS = `
  select id from users where id in (select jsonb_array_elements_text(?::jsonb)::uuid) order by id for no key update`

const READ = `
  select u.id, u.role, u.allowed_scopes, coalesce((
    select jsonb_agg(g.name_key) from scim_members m join scim_groups g on g.id = m.group_id where m.user_id = u.id
  ), '[]') as groups
  from users u join scim_users s on s.user_id = u.id and s.deleted_at is null
  where u.id in (select jsonb_array_elements_text(?::jsonb)::uuid) order by u.id`

const IS_MEMBER = `
  select from scim_members m join scim_groups g on g.id = m.group_id where m.user_id = ? and g.name_key = ?`

const NEXT = `select user_id as id from scim_users where deleted_at is null and user_id > ? order by user_id limit ?`
const FIRST = '00000000-0000-0000-0000-000000000000'

export type RightsConfig = Pick<Config, 'scimAdminGroup' | 'scimGroupScopes'>

export function createRights(db: Database, bus: InvalidationBus, config: RightsConfig): Rights {
  const adminGroup = config.scimAdminGroup === undefined ? undefined : toNameKey(config.scimAdminGroup)
  const limits = new Map(
    Object.entries(config.scimGroupScopes ?? {}).map(([name, scopes]) => [toNameKey(name), scopes]),
  )

  function roleOf({ role, groups }: Row): Role {
    if (adminGroup === undefined) return role
    return groups.includes(adminGroup) ? 'admin' : 'user'
  }

  /** The scopes of all limiting groups together; null: the user is in none. */
  function scopesOf({ groups }: Row): string[] | null {
    const limiting = groups.filter(group => limits.has(group))
    if (limiting.length === 0) return null
    return [...new Set(limiting.flatMap(group => limits.get(group) as readonly string[]))].sort()
  }

  async function change(em: Em, publish: Publish, row: Row): Promise<boolean> {
    const [role, scopes] = [roleOf(row), scopesOf(row)]
    const isSame = role === row.role && JSON.stringify(scopes) === JSON.stringify(row.allowed_scopes)
    if (isSame) return false
    const values = [role, scopes === null ? null : JSON.stringify(scopes), row.id]
    await em.execute('update users set role = ?, allowed_scopes = ?::jsonb, updated_at = now() where id = ?', values)
    publish({ kind: 'user', id: row.id }, 'role')
    const details = { fields: ['role', 'allowed_scopes'], role, allowed_scopes: scopes }
    writeAudit(em, { kind: 'user.changed', userId: row.id, details })
    return role !== row.role && role === 'user'
  }

  async function apply(em: Em, publish: Publish, users: readonly string[]): Promise<void> {
    if (users.length === 0) return
    const ids = JSON.stringify(users)
    await em.execute(LOCK_USERS, [ids])
    let demoted = false
    for (const row of (await em.execute(READ, [ids])) as Row[]) demoted = (await change(em, publish, row)) || demoted
    if (!demoted) return
    if (!(await hasAdministrator(em)))
      throw conflict('This would remove the last administrator. Add another member to the group first.')
  }

  const lock = async (em: Em) => void (adminGroup !== undefined && (await lockAdministrators(em, { role: 'user' })))

  return {
    isRelevant: key => key === adminGroup || limits.has(key),
    grantsAdmin: async user => adminGroup !== undefined && (await db.query(IS_MEMBER, [user, adminGroup])).length > 0,
    lock,
    apply,
    async applyToAll() {
      for (let last = FIRST; ; ) {
        const rows = await db.query<{ id: string }>(NEXT, [last, BATCH_SIZE])
        await bus.transaction(async (em, publish) => {
          await lock(em)
          await apply(
            em,
            publish,
            rows.map(({ id }) => id),
          )
        })
        if (rows.length < BATCH_SIZE) return
        last = rows.at(-1)?.id as string
      }
    },
  }
}
