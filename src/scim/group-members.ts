import type { Em } from '../database/database.ts'
import { validateName } from '../text/name.ts'
import { isUuid } from '../text/uuid.ts'
import { scimError } from './errors.ts'
import { toNameKey, validated } from './profile.ts'
import type { Resource } from './values.ts'

/** The columns of a group, and the ids of its members. */
export interface GroupFields {
  displayName: string
  nameKey: string
  externalId: string | null
  members: string[]
}

const MAX_GROUP = 50_000

/** @throws 400 `invalidValue` */
export function toGroupFields({ displayName, externalId = null, members = [] }: Resource): GroupFields {
  if (typeof displayName !== 'string') throw scimError('invalidValue', 'displayName is required.')
  const name = validated(() => validateName(displayName, 'displayName'))
  const ids = (members as Resource[]).map(({ value }) => String(value).toLowerCase())
  if (ids.length > MAX_GROUP) throw scimError('invalidValue', `A group has at most ${MAX_GROUP} members.`)
  const unknown = ids.find(id => !isUuid(id))
  if (unknown !== undefined) throw noUser(unknown)
  if (String(externalId).length > 255) throw scimError('invalidValue', 'externalId must have at most 255 characters.')
  return {
    displayName: name,
    nameKey: toNameKey(name),
    externalId: externalId as string | null,
    members: [...new Set(ids)],
  }
}

export const toMemberValues = (ids: readonly string[]): Resource[] => ids.map(value => ({ value }))

export function differenceOf(before: readonly string[], after: readonly string[]) {
  const [old, next] = [new Set(before), new Set(after)]
  return { added: after.filter(id => !old.has(id)), removed: before.filter(id => !next.has(id)) }
}

/** Locked, so that none of them is deleted meanwhile. */
const KNOWN = `
  select user_id as id from scim_users
  where user_id in (select jsonb_array_elements_text(?::jsonb)::uuid) and deleted_at is null order by user_id for share`
const INSERT = `
  insert into scim_members (group_id, user_id)
  select ?::uuid, id::uuid from jsonb_array_elements_text(?::jsonb) id on conflict do nothing`

/** @throws 400 `invalidValue` for who is not a user of the directory: such a user must not get rights by a group */
export async function insertMembers(em: Em, group: string, users: readonly string[]): Promise<void> {
  if (users.length === 0) return
  const ids = JSON.stringify(users)
  const known = new Set(((await em.execute(KNOWN, [ids])) as { id: string }[]).map(({ id }) => id))
  const unknown = users.find(id => !known.has(id))
  if (unknown !== undefined) throw noUser(unknown)
  await em.execute(INSERT, [group, ids])
}

const noUser = (id: string) => scimError('invalidValue', `${id.slice(0, 100)} is not a user of this directory.`)
