import type { Database } from '../database/database.ts'
import { isUuid } from '../text/uuid.ts'
import { type GroupRow, SELECT_GROUPS, toGroupResources } from './group-resource.ts'
import type { Source } from './list.ts'
import { toNameKey } from './profile.ts'

/** @param base the URL of `/scim/v2` */
export function createGroupSource(db: Database, base: string): Source {
  return {
    async count() {
      const [row] = await db.query<{ count: number }>('select count(*)::int as count from scim_groups')
      return row?.count ?? 0
    },
    async read({ after, offset = 0, limit }, required, has) {
      const { where, values } = conditions(required, after)
      const sql = `${SELECT_GROUPS} where true ${where} order by g.id offset ? limit ?`
      const rows = await db.query<GroupRow>(sql, [...values, offset, limit])
      return toGroupResources(db, rows, base, has('members'))
    },
  }
}

const HAS_MEMBER = 'exists (select from scim_members m where m.group_id = g.id and m.user_id = ?)'

/** Comparisons that an index answers. The filter is compared with the results all the same. */
function conditions(required: ReadonlyMap<string, string>, after: string | undefined) {
  const values: string[] = []
  const add = (condition: string, value: string) => {
    values.push(value)
    return ` and ${condition}`
  }
  const addId = (condition: string, id: string) => (isUuid(id) ? add(condition, id) : ' and false')
  let where = ''
  const [name, externalId, id] = ['displayName', 'externalId', 'id'].map(path => required.get(path))
  const member = required.get('members.value')
  if (name !== undefined) where += add('g.name_key = ?', toNameKey(name))
  if (externalId !== undefined) where += add('g.external_id = ?', externalId)
  if (id !== undefined) where += addId('g.id = ?', id)
  if (member !== undefined) where += addId(HAS_MEMBER, member)
  if (after !== undefined) where += add('g.id > ?', after)
  return { where, values }
}
