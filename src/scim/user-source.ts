import type { Database } from '../database/database.ts'
import { isUuid } from '../text/uuid.ts'
import type { Source } from './list.ts'
import { toNameKey } from './profile.ts'
import { SELECT_USERS, toUserResources, type UserRow } from './user-resource.ts'

/** @param base the URL of `/scim/v2` */
export function createUserSource(db: Database, base: string): Source {
  return {
    async count() {
      const [row] = await db.query<{ count: number }>(
        'select count(*)::int as count from scim_users where deleted_at is null',
      )
      return row?.count ?? 0
    },
    async read({ after, offset = 0, limit }, required, has) {
      const { where, values } = conditions(required, after)
      const sql = `${SELECT_USERS} ${where} order by s.user_id offset ? limit ?`
      const rows = await db.query<UserRow>(sql, [...values, offset, limit])
      return toUserResources(db, rows, base, has('groups'))
    },
  }
}

/** Comparisons that an index answers. The filter is compared with the results all the same. */
function conditions(required: ReadonlyMap<string, string>, after: string | undefined) {
  const values: string[] = []
  const add = (condition: string, value: string) => {
    values.push(value)
    return ` and ${condition}`
  }
  let where = ''
  const [name, externalId, id] = ['userName', 'externalId', 'id'].map(path => required.get(path))
  if (name !== undefined) where += add('s.name_key = ?', toNameKey(name))
  if (externalId !== undefined) where += add('s.external_id = ?', externalId)
  if (id !== undefined) where += isUuid(id) ? add('s.user_id = ?', id) : ' and false'
  if (after !== undefined) where += add('s.user_id > ?', after)
  return { where, values }
}
