import type { Database } from '../database/database.ts'
import { USER, USER_SCHEMA } from './attributes.ts'
import type { Resource } from './values.ts'

/** A user of the directory, with what Postern says about it. */
export interface UserRow {
  id: string
  attributes: Resource
  external_id: string | null
  version: number
  deactivated_at: Date | string | null
  revoke_at: Date | string | null
  created_at: Date | string
  updated_at: Date | string
  disabled_at: Date | string | null
  email: string
  name: string
}

/** A `where` follows, which may use `s` and `u`. */
export const SELECT_USERS = `
  select s.user_id as id, s.attributes, s.external_id, s.version, s.deactivated_at, s.revoke_at, s.created_at, s.updated_at,
    u.disabled_at, u.email, u.name
  from scim_users s join users u on u.id = s.user_id
  where s.deleted_at is null`

const SELECT_GROUPS = `
  select m.user_id as user, g.id, g.display_name as name
  from scim_members m join scim_groups g on g.id = m.group_id
  where m.user_id in (select jsonb_array_elements_text(?::jsonb)::uuid) order by m.user_id, g.id`

/** What a directory may change: the attributes, `externalId` and `active`. */
export const toChangeable = ({ attributes, external_id, disabled_at }: UserRow): Resource => ({
  ...attributes,
  ...(external_id !== null && { externalId: external_id }),
  active: disabled_at === null,
})

/** @param base the URL of `/scim/v2` */
export async function toUserResources(
  db: Database,
  rows: readonly UserRow[],
  base: string,
  withGroups = true,
): Promise<Resource[]> {
  const groups = withGroups && rows.length > 0 ? await readGroups(db, rows, base) : new Map<string, Resource[]>()
  return rows.map(row => {
    const mine = groups.get(row.id)
    return {
      schemas: [USER_SCHEMA, ...Object.keys(USER.extensions).filter(urn => row.attributes[urn] !== undefined)],
      id: row.id,
      ...toChangeable(row),
      ...(mine && { groups: mine }),
      meta: {
        resourceType: 'User',
        created: new Date(row.created_at).toISOString(),
        lastModified: new Date(row.updated_at).toISOString(),
        location: `${base}/Users/${row.id}`,
        version: userVersion(row),
      },
    }
  })
}

/** The ETag. It also changes when an operator disables the user. */
export const userVersion = ({ version, disabled_at }: UserRow): string =>
  `W/"${version}${disabled_at === null ? '' : '-inactive'}"`

async function readGroups(db: Database, rows: readonly UserRow[], base: string): Promise<Map<string, Resource[]>> {
  const ids = JSON.stringify(rows.map(({ id }) => id))
  const found = await db.query<{ user: string; id: string; name: string }>(SELECT_GROUPS, [ids])
  const groups = new Map<string, Resource[]>()
  for (const { user, id, name } of found) {
    const group = { value: id, $ref: `${base}/Groups/${id}`, display: name, type: 'direct' }
    groups.set(user, [...(groups.get(user) ?? []), group])
  }
  return groups
}
