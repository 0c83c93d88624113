import type { Database, Em } from '../database/database.ts'
import { GROUP_SCHEMA } from './attributes.ts'
import type { Resource } from './values.ts'

export interface GroupRow {
  id: string
  display_name: string
  name_key: string
  external_id: string | null
  version: number
  created_at: Date | string
  updated_at: Date | string
}

/** A `where` follows. */
export const SELECT_GROUPS = `
  select g.id, g.display_name, g.name_key, g.external_id, g.version, g.created_at, g.updated_at from scim_groups g`

const SELECT_MEMBERS = `
  select m.group_id as group, m.user_id as user, u.name
  from scim_members m join users u on u.id = m.user_id
  where m.group_id in (select jsonb_array_elements_text(?::jsonb)::uuid) order by m.group_id, m.user_id`

/** @param base the URL of `/scim/v2` */
export async function toGroupResources(
  db: Database,
  rows: readonly GroupRow[],
  base: string,
  withMembers = true,
): Promise<Resource[]> {
  const members = withMembers && rows.length > 0 ? await readMembers(db, rows, base) : new Map<string, Resource[]>()
  return rows.map(row => {
    const mine = members.get(row.id)
    return {
      schemas: [GROUP_SCHEMA],
      id: row.id,
      ...(row.external_id !== null && { externalId: row.external_id }),
      displayName: row.display_name,
      ...(mine && { members: mine }),
      meta: {
        resourceType: 'Group',
        created: new Date(row.created_at).toISOString(),
        lastModified: new Date(row.updated_at).toISOString(),
        location: `${base}/Groups/${row.id}`,
        version: groupVersion(row),
      },
    }
  })
}

export const groupVersion = ({ version }: Pick<GroupRow, 'version'>): string => `W/"${version}"`

async function readMembers(db: Database, rows: readonly GroupRow[], base: string): Promise<Map<string, Resource[]>> {
  const ids = JSON.stringify(rows.map(({ id }) => id))
  const found = await db.query<{ group: string; user: string; name: string }>(SELECT_MEMBERS, [ids])
  const members = new Map<string, Resource[]>()
  for (const { group, user, name } of found) {
    const list = members.get(group) ?? []
    list.push({ value: user, $ref: `${base}/Users/${user}`, display: name, type: 'User' })
    members.set(group, list)
  }
  return members
}

/** The ids of the members of a group. */
export async function memberIds(em: Em, group: string): Promise<string[]> {
  const rows = await em.execute('select user_id as id from scim_members where group_id = ?', [group])
  return (rows as { id: string }[]).map(({ id }) => id)
}
