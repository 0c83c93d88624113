import { UniqueConstraintViolationException } from '@mikro-orm/postgresql'
import { writeAudit } from '../audit/audit.ts'
import type { InvalidationBus, Publish } from '../cluster/invalidation-bus.ts'
import type { Database, Em } from '../database/database.ts'
import { newId } from '../database/ids.ts'
import { notFound } from '../errors/errors.ts'
import { isUuid } from '../text/uuid.ts'
import { GROUP } from './attributes.ts'
import { notUnique, versionMismatch } from './errors.ts'
import { ScimGroup } from './group.entity.ts'
import { differenceOf, type GroupFields, insertMembers, toGroupFields, toMemberValues } from './group-members.ts'
import { type GroupRow, groupVersion, memberIds, SELECT_GROUPS, toGroupResources } from './group-resource.ts'
import { applyPatch } from './patch.ts'
import { type Precondition, satisfies } from './precondition.ts'
import type { Rights } from './rights.ts'
import { type Resource, readResource } from './values.ts'

/** The groups of a directory. */
export interface ScimGroups {
  /** @throws 404 */
  find(id: string): Promise<Resource>
  /** @throws 400 for invalid attributes or members; 409 for a name or external id that another group has */
  create(body: unknown): Promise<Resource>
  /** @throws 404, 412, as `create` does, and 409 if no administrator would be left */
  replace(id: string, body: unknown, precondition: Precondition): Promise<void>
  /** @throws as `replace` does */
  patch(id: string, body: unknown, precondition: Precondition): Promise<void>
  /** The users stay, without what the group gave and took. @throws 404, 409, 412 */
  remove(id: string, precondition: Precondition): Promise<void>
}

export interface ScimGroupsOptions {
  db: Database
  bus: InvalidationBus
  rights: Rights
  base: string
}

export function createScimGroups({ db, bus, rights, base }: ScimGroupsOptions): ScimGroups {
  async function lockGroup(em: Em, id: string, precondition: Precondition): Promise<GroupRow> {
    const where = 'where g.id = ? for update of g'
    const [row] = isUuid(id) ? ((await em.execute(`${SELECT_GROUPS} ${where}`, [id])) as GroupRow[]) : []
    if (!row) throw notFound('group')
    if (!satisfies(precondition, groupVersion(row))) throw versionMismatch()
    return row
  }

  const find = async (id: string) => {
    const rows = isUuid(id) ? await db.query<GroupRow>(`${SELECT_GROUPS} where g.id = ?`, [id]) : []
    if (rows.length === 0) throw notFound('group')
    return (await toGroupResources(db, rows, base))[0] as Resource
  }

  const transaction = <T>(work: (em: Em, publish: Publish) => Promise<T>): Promise<T> =>
    bus
      .transaction(async (em, publish) => {
        await rights.lock(em)
        return work(em, publish)
      })
      .catch(throwNotUnique)

  const change = (id: string, precondition: Precondition, mutate: (current: Resource) => Resource) =>
    transaction(async (em, publish) => {
      const row = await lockGroup(em, id, precondition)
      const before = await memberIds(em, row.id)
      const next = toGroupFields(mutate(toChangeable(row, before)))
      const changed = await store(em, row, before, next)
      const isRelevant = [row.name_key, next.nameKey].some(rights.isRelevant)
      const isRenamed = row.name_key !== next.nameKey
      if (isRelevant) await rights.apply(em, publish, isRenamed ? [...new Set([...before, ...next.members])] : changed)
    })

  return {
    find,
    async create(body) {
      const fields = toGroupFields(readResource(GROUP, body))
      const id = newId()
      await transaction(async (em, publish) => {
        const now = new Date()
        const { members, ...columns } = fields
        await em.insert(ScimGroup, { ...columns, id, version: 1, createdAt: now, updatedAt: now })
        await insertMembers(em, id, members)
        const details = { group: id, name: fields.displayName, added: members.length }
        writeAudit(em, { kind: 'group.created', details })
        if (rights.isRelevant(fields.nameKey)) await rights.apply(em, publish, members)
      })
      return find(id)
    },
    replace: (id, body, precondition) => change(id, precondition, () => readResource(GROUP, body)),
    patch: (id, body, precondition) => change(id, precondition, current => applyPatch(GROUP, current, body)),
    remove: (id, precondition) =>
      transaction(async (em, publish) => {
        const row = await lockGroup(em, id, precondition)
        const members = await memberIds(em, row.id)
        await em.nativeDelete(ScimGroup, { id: row.id })
        writeAudit(em, { kind: 'group.removed', details: { group: row.id, name: row.display_name } })
        if (rights.isRelevant(row.name_key)) await rights.apply(em, publish, members)
      }),
  }
}

const toChangeable = ({ display_name, external_id }: GroupRow, members: readonly string[]): Resource => ({
  displayName: display_name,
  ...(external_id !== null && { externalId: external_id }),
  ...(members.length > 0 && { members: toMemberValues(members) }),
})

/** @returns the users who joined or left */
async function store(em: Em, row: GroupRow, before: readonly string[], next: GroupFields): Promise<string[]> {
  const { members, ...columns } = next
  const { added, removed } = differenceOf(before, members)
  const isSame = columns.displayName === row.display_name && columns.externalId === row.external_id
  if (isSame && added.length + removed.length === 0) return []
  await em.nativeUpdate(ScimGroup, { id: row.id }, { ...columns, version: row.version + 1, updatedAt: new Date() })
  const users = '(select jsonb_array_elements_text(?::jsonb)::uuid)'
  const sql = `delete from scim_members where group_id = ? and user_id in ${users}`
  if (removed.length > 0) await em.execute(sql, [row.id, JSON.stringify(removed)])
  await insertMembers(em, row.id, added)
  const details = { group: row.id, name: columns.displayName, added: added.length, removed: removed.length }
  writeAudit(em, { kind: 'group.changed', details })
  return [...added, ...removed]
}

function throwNotUnique(error: unknown): never {
  if (!(error instanceof UniqueConstraintViolationException)) throw error
  throw notUnique('Another group has the displayName or the externalId, or a name that looks like it.')
}
