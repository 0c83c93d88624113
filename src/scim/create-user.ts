import { writeAudit } from '../audit/audit.ts'
import type { InvalidationBus, Publish } from '../cluster/invalidation-bus.ts'
import type { Em } from '../database/database.ts'
import { newId } from '../database/ids.ts'
import { takeLock } from '../database/locks.ts'
import type { Mail } from '../mail/mail.ts'
import { findByEmailIn } from '../users/find-by-email.ts'
import { insertUser } from '../users/insert-user.ts'
import { accountsOnlyOf, leftAccounts } from '../users/maintainers.ts'
import { unusableHash } from '../users/passwords.ts'
import { endSessions } from '../users/sessions.ts'
import { tellOfLeftAccounts } from '../users/tell-administrators.ts'
import type { User } from '../users/user.entity.ts'
import { USER } from './attributes.ts'
import { type Profile, toProfile } from './profile.ts'
import { revocationTime } from './suspended.ts'
import { ScimUser } from './user.entity.ts'
import { assertUserNameFree, noAddress, throwNotUnique, toColumns } from './user-row.ts'
import { type Resource, readResource } from './values.ts'

/** Creates a user of the directory, or adopts one. @returns the id */
export type CreateScimUser = (body: unknown) => Promise<string>

/**
 * @param adopt whether a user who exists already, with the same confirmed address, becomes one of the directory. Administrators
 *   never do: whoever writes to the directory could sign in as them
 */
export function createCreateScimUser(bus: InvalidationBus, mail: Mail, adopt: boolean): CreateScimUser {
  async function store(em: Em, publish: Publish, resource: Resource, profile: Profile, passwordHash: string) {
    const user = (await findAdoptable(em, profile, adopt)) ?? (await insertPerson(em, profile, passwordHash))
    if (profile.userName.includes('@')) await assertUserNameFree(em, profile.userName, user.id)
    const now = new Date()
    const isInactive = resource.active === false && user.disabledAt === null
    await em.insert(ScimUser, {
      ...toColumns(resource, profile),
      user: user.id,
      version: 1,
      deactivatedAt: isInactive ? now : null,
      revokeAt: isInactive ? revocationTime() : null,
      deletedAt: null,
      createdAt: now,
      updatedAt: now,
    })
    if (isInactive) {
      em.assign(user, { disabledAt: now })
      await em.flush()
      await endSessions(em, user.id)
      const left = await accountsOnlyOf(em, user.id)
      await tellOfLeftAccounts(em, mail, left, user.id)
      writeAudit(em, { kind: 'user.disabled', userId: user.id, details: leftAccounts(left) })
    }
    publish({ kind: 'user', id: user.id }, isInactive ? 'status' : 'nothing')
    return user.id
  }

  return async body => {
    const resource = readResource(USER, body)
    const profile = toProfile(resource)
    const passwordHash = await unusableHash()
    return bus.transaction((em, publish) => store(em, publish, resource, profile, passwordHash)).catch(throwNotUnique)
  }
}

async function findAdoptable(em: Em, { email, name }: Profile, adopt: boolean): Promise<User | undefined> {
  if (!adopt || email === undefined) return undefined
  await takeLock(em, 'emails')
  const user = await findByEmailIn(em, email)
  if (!user?.emailConfirmedAt || user.role === 'admin' || user.disabledAt) return undefined
  if ((await em.count(ScimUser, { user: user.id })) > 0) return undefined
  em.assign(user, { name, updatedAt: new Date() })
  writeAudit(em, { kind: 'user.changed', userId: user.id, details: { fields: ['name'], adopted: true } })
  return user
}

async function insertPerson(em: Em, { email, name }: Profile, passwordHash: string): Promise<User> {
  const row = {
    email: email ?? noAddress(newId()),
    emailConfirmedAt: email === undefined ? null : new Date(),
    name,
    role: 'user' as const,
    passwordHash,
    hasPassword: false,
    mustChangePassword: false,
  }
  return insertUser(em, row)
}
