import { isDeepStrictEqual } from 'node:util'
import type { EventKind } from '../audit/event.entity.ts'
import type { Database, Em } from '../database/database.ts'
import { conflict, notFound } from '../errors/errors.ts'
import { Identity } from '../oidc/identity.entity.ts'
import { isUuid } from '../text/uuid.ts'
import type { ChangeUser } from '../users/change-user.ts'
import { emailForms } from '../users/emails.ts'
import { User } from '../users/user.entity.ts'
import { USER } from './attributes.ts'
import type { CreateScimUser } from './create-user.ts'
import { versionMismatch } from './errors.ts'
import type { FormerPerson } from './former-person.ts'
import { ScimMember } from './member.entity.ts'
import { applyPatch } from './patch.ts'
import { type Precondition, satisfies } from './precondition.ts'
import { type Profile, toProfile } from './profile.ts'
import type { Rights } from './rights.ts'
import { revocationTime, type SuspendedTokens } from './suspended.ts'
import { ScimUser } from './user.entity.ts'
import { SELECT_USERS, toChangeable, toUserResources, type UserRow, userVersion } from './user-resource.ts'
import { assertUserNameFree, isNoAddress, noAddress, throwNotUnique, toColumns } from './user-row.ts'
import { type Resource, readResource } from './values.ts'

/** The users that a directory manages. Nobody else's are found here. */
export interface ScimUsers {
  /** @throws 404 */
  find(id: string): Promise<Resource>
  /** @throws 400 for invalid attributes; 409 for a name, address or external id that another user has */
  create(body: unknown): Promise<Resource>
  /** @throws 404, 412, as `create` does, and 409 if the last administrator would be deactivated */
  replace(id: string, body: unknown, precondition: Precondition): Promise<Resource>
  /** @throws as `replace` does */
  patch(id: string, body: unknown, precondition: Precondition): Promise<Resource>
  /** Revokes the tokens of the user and frees the name and the address. @throws 404, 409, 412 */
  remove(id: string, precondition: Precondition): Promise<void>
}

export interface ScimUsersOptions {
  db: Database
  changeUser: ChangeUser
  createUser: CreateScimUser
  suspended: SuspendedTokens
  formerPerson: FormerPerson
  rights: Pick<Rights, 'grantsAdmin'>
  base: string
}

const MAX_ATTEMPTS = 5
/** Whoever leaves is shut out, also the only maintainer of a service account. */
const LEAVING = { mayLeaveAccounts: true }
/** Another request changed the user meanwhile. */
class Stale extends Error {}

export function createScimUsers(options: ScimUsersOptions): ScimUsers {
  const { db, changeUser, createUser, suspended, formerPerson, rights, base } = options

  async function load(id: string): Promise<UserRow> {
    const [row] = isUuid(id) ? await db.query<UserRow>(`${SELECT_USERS} and s.user_id = ?`, [id]) : []
    if (!row) throw notFound('user')
    return row
  }

  const find = async (id: string) => (await toUserResources(db, [await load(id)], base))[0] as Resource

  async function change(id: string, precondition: Precondition, mutate: (current: Resource) => Resource) {
    for (let attempt = 1; ; attempt++) {
      const row = await load(id)
      if (!satisfies(precondition, userVersion(row))) throw versionMismatch()
      const current = toChangeable(row)
      const next = mutate(current)
      const isStale = await store(row, current, next).then(
        () => false,
        error => {
          if (error instanceof Stale && attempt < MAX_ATTEMPTS) return true
          throw error instanceof Stale ? conflict('The user is changed by several requests at once. Try again.') : error
        },
      )
      if (!isStale) return find(row.id)
    }
  }

  async function store(row: UserRow, current: Resource, next: Resource): Promise<void> {
    const profile = toProfile(next)
    const parts = userChanges(row, profile)
    const activity = activityChange(row, next.active as boolean | undefined)
    if (isDeepStrictEqual(current, next) && Object.keys(parts).length === 0) return
    // Tokens that were suspended for too long do not come back, even if no node has revoked them yet.
    if (activity?.parts['user.enabled']) await suspended.revokeDue(row.id)
    const isOther = row.external_id !== null && row.external_id !== next.externalId
    // Another person is an administrator only as a member of the group.
    if (isOther && !(await rights.grantsAdmin(row.id)))
      parts['user.changed'] = { ...parts['user.changed'], role: 'user' }
    if (isOther) await formerPerson.revokeMany(row.id)
    await changeUser(
      row.id,
      { ...parts, ...activity?.parts },
      async (em, publish) => {
        if (profile.userName.includes('@')) await assertUserNameFree(em, profile.userName, row.id)
        await storeAttributes(em, row, next, profile, activity?.values ?? {})
        if (isOther) await formerPerson.forget(em, publish, row.id)
      },
      { ...LEAVING, locksAccounts: isOther },
    ).catch(throwNotUnique)
  }

  return {
    find,
    create: async body => find(await createUser(body)),
    replace: (id, body, precondition) =>
      change(id, precondition, current => {
        const next = readResource(USER, body)
        return next.active === undefined ? { ...next, active: current.active } : next
      }),
    patch: (id, body, precondition) => change(id, precondition, current => applyPatch(USER, current, body)),
    async remove(id, precondition) {
      const row = await load(id)
      if (!satisfies(precondition, userVersion(row))) throw versionMismatch()
      const now = new Date()
      await changeUser(
        row.id,
        { 'user.disabled': { disabledAt: now, role: 'user' } },
        em => erase(em, row.id, now),
        LEAVING,
      )
      await suspended.revokeDue(row.id)
    },
  }
}

/** The row stays as long as it has tokens. The name and the address can be used again at once. */
async function erase(em: Em, id: string, now: Date): Promise<void> {
  const erased = { email: noAddress(id), emailSkeleton: null, emailConfirmedAt: null, allowedScopes: null }
  await em.nativeUpdate(User, { id }, { ...erased, name: 'Removed user' })
  await em.nativeDelete(ScimMember, { user: id })
  await em.nativeDelete(Identity, { user: id })
  const gone = { attributes: {}, nameKey: id, externalId: null, deletedAt: now, revokeAt: now, updatedAt: now }
  if ((await em.nativeUpdate(ScimUser, { user: id, deletedAt: null }, gone)) === 0) throw notFound('user')
}

type Parts = Partial<Record<EventKind, Partial<User>>>

/** What changes of the user itself: its name and address. */
function userChanges(row: UserRow, { name, email }: Profile): Parts {
  const address = email ?? (isNoAddress(row.email) ? row.email : noAddress(row.id))
  const values = {
    ...(name !== row.name && { name }),
    ...(!emailForms(address).includes(row.email) && {
      email: address,
      emailConfirmedAt: email === undefined ? null : new Date(),
    }),
  }
  return Object.keys(values).length > 0 ? { 'user.changed': values } : {}
}

/** Only what the directory has deactivated, it can activate: a user whom an operator disabled stays disabled. */
function activityChange(row: UserRow, active: boolean | undefined) {
  const isActive = row.disabled_at === null
  if (active === undefined || active === isActive) return undefined
  if (!active) {
    const now = new Date()
    return {
      parts: { 'user.disabled': { disabledAt: now } },
      values: { deactivatedAt: now, revokeAt: revocationTime() },
    }
  }
  const byDirectory =
    row.deactivated_at !== null && +new Date(row.deactivated_at) === +new Date(row.disabled_at as string)
  if (!byDirectory) return undefined
  return { parts: { 'user.enabled': { disabledAt: null } }, values: { deactivatedAt: null, revokeAt: null } }
}

async function storeAttributes(em: Em, row: UserRow, next: Resource, profile: Profile, more: Partial<ScimUser>) {
  const where = { user: row.id, version: row.version, deletedAt: null }
  const values = { ...toColumns(next, profile), ...more, version: row.version + 1, updatedAt: new Date() }
  if ((await em.nativeUpdate(ScimUser, where, values)) === 0) throw new Stale()
}
