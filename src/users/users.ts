import { UniqueConstraintViolationException } from '@mikro-orm/postgresql'
import { writeAudit } from '../audit/audit.ts'
import type { EventKind } from '../audit/event.entity.ts'
import type { AffectedStatuses, InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Database, Em } from '../database/database.ts'
import { newId } from '../database/ids.ts'
import { likePattern } from '../database/like.ts'
import { invalid, notFound, raise } from '../errors/errors.ts'
import { validateName } from '../text/name.ts'
import { emailForms, validateEmail } from './emails.ts'
import { lockAdministrators } from './last-administrator.ts'
import { looksLike } from './look-alikes.ts'
import { checkNewPassword, hashPassword, type PasswordOwner, passwordMatches } from './passwords.ts'
import { endSessions } from './sessions.ts'
import { type Role, User } from './user.entity.ts'

export interface NewUser {
  email: string
  name: string
  password: string
  role?: Role
  /** Whether the user must change the password at the first sign-in. */
  mustChangePassword?: boolean
}

export interface UserChange {
  name?: string | undefined
  email?: string | undefined
  role?: Role | undefined
  password?: string | undefined
}

export interface Users {
  /** @throws 422 for an invalid or taken e-mail address, an empty name or a weak password */
  create(input: NewUser): Promise<User>
  count(): Promise<number>
  find(id: string): Promise<User>
  findByEmail(email: string): Promise<User | undefined>
  /** Lists users, oldest first. @param search part of the name or e-mail address, case-insensitive */
  list(page?: { limit?: number; after?: string | undefined; search?: string | undefined }): Promise<User[]>
  /**
   * Changes a user atomically. A new password ends the user's sessions.
   * @throws 422 as `create` does; 409 if the last administrator would lose that role
   */
  update(id: string, change: UserChange): Promise<User>
  /** Also ends the user's sessions. */
  setPassword(id: string, password: string): Promise<void>
  /** From the next request on, all tokens and sessions of the user are rejected. @throws 409 for the last administrator */
  disable(id: string): Promise<User>
  enable(id: string): Promise<User>
  /** Forgets the failed sign-ins of the user, from all networks and browsers; those of an address go on counting. */
  unlock(id: string): Promise<User>
  /** Finds the enabled user with this e-mail address and password; undefined, after the same time, for any failure. */
  authenticate(email: string, password: string): Promise<User | undefined>
}

export function createUsers(db: Database, bus: InvalidationBus): Users {
  const find = async (id: string) => (await db.run(em => em.findOne(User, { id }))) ?? raise(notFound('user'))

  /** @param parts the changed properties, by the kind of their audit entry */
  const change = (id: string, parts: Partial<Record<EventKind, Partial<User>>>) =>
    bus.transaction(async (em, publish) => {
      const values: Partial<User> = Object.assign({}, ...Object.values(parts))
      const assertNotLast = await lockAdministrators(em, values)
      const user = await em.findOne(User, { id })
      if (!user) throw notFound('user')
      assertNotLast(user)
      if (values.email !== undefined) await assertEmailFree(em, values.email, id)
      const affects = affectedStatuses(user, values)
      em.assign(user, { ...values, updatedAt: new Date() })
      await em.flush().catch(throwEmailTaken)
      publish({ kind: 'user', id }, affects)
      for (const [kind, part] of Object.entries(parts)) {
        writeAudit(em, { kind: kind as EventKind, userId: id, details: auditDetails(part) })
      }
      if (values.passwordHash || values.disabledAt) await endSessions(em, id)
      return user
    })

  /** Does not count as a password change, so sessions continue. A concurrent change of the password takes precedence. */
  async function rehashPassword(user: User, password: string): Promise<User> {
    const passwordHash = await hashPassword(password)
    const { id, passwordHash: before } = user
    const stored = await db.run(em => em.nativeUpdate(User, { id, passwordHash: before }, { passwordHash }))
    return stored === 1 ? ((await db.run(em => em.findOne(User, { id }))) ?? user) : user
  }

  return {
    find,
    async create({ email, name, password, role = 'user', mustChangePassword = false }) {
      const now = new Date()
      const fields = { email: validateEmail(email), name: validateName(name), role }
      checkNewPassword(password, fields)
      const passwordHash = await hashPassword(password)
      const values = { ...fields, passwordHash, mustChangePassword }
      return db.transaction(async em => {
        await assertEmailFree(em, fields.email)
        const user = em.create(User, { id: newId(), ...values, createdAt: now, updatedAt: now })
        await em.flush().catch(throwEmailTaken)
        writeAudit(em, { kind: 'user.created', userId: user.id, details: { role } })
        return user
      })
    },
    count: () => db.run(em => em.count(User)),
    findByEmail: email => db.run(em => findByEmailIn(em, email)),
    list: ({ limit = 50, after, search } = {}) => {
      const where = { ...(after && { id: { $gt: after } }), ...(search && searchCondition(search)) }
      return db.run(em => em.find(User, where, { orderBy: { id: 'asc' }, limit }))
    },
    async update(id, { name, email, role, password }) {
      const values = {
        ...(name !== undefined && { name: validateName(name) }),
        ...(email !== undefined && { email: validateEmail(email) }),
        ...(role !== undefined && { role }),
      }
      if (password === undefined) return change(id, { 'user.changed': values })
      const current = await find(id)
      const owner = { email: values.email ?? current.email, name: values.name ?? current.name }
      const others = Object.keys(values).length > 0 && { 'user.changed': values }
      return change(id, { ...others, 'user.password_changed': await newPassword(password, owner) })
    },
    async setPassword(id, password) {
      await change(id, { 'user.password_changed': await newPassword(password, await find(id)) })
    },
    disable: id => change(id, { 'user.disabled': { disabledAt: new Date() } }),
    enable: id => change(id, { 'user.enabled': { disabledAt: null } }),
    unlock: id => change(id, { 'user.unlocked': { unlockedAt: new Date() } }),
    async authenticate(email, password) {
      const user = await db.run(em => findByEmailIn(em, email))
      const matches = await passwordMatches(user?.passwordHash, password)
      if (!matches || !user || user.disabledAt) return undefined
      return matches === 'outdated' ? rehashPassword(user, password) : user
    },
  }
}

/** How a change of a user affects the status of the user's tokens. */
function affectedStatuses(user: User, { role, disabledAt }: Partial<User>): AffectedStatuses {
  if (disabledAt !== undefined && (disabledAt === null) !== (user.disabledAt === null)) return 'status'
  return role !== undefined && role !== user.role && user.role === 'admin' ? 'role' : 'nothing'
}

async function newPassword(password: string, owner: PasswordOwner) {
  checkNewPassword(password, owner)
  return { passwordHash: await hashPassword(password), mustChangePassword: false }
}

/** Finds the user of an address in any spelling and in any form in which it may be stored. */
async function findByEmailIn(em: Em, email: string): Promise<User | undefined> {
  const forms = emailForms(email)
  const found = await em.find(User, { email: { $in: forms } })
  return found.sort((a, b) => forms.indexOf(a.email) - forms.indexOf(b.email))[0]
}

/** The unique index compares only the normalized form, but an earlier version stored other forms. @throws 422 */
async function assertEmailFree(em: Em, email: string, id?: string): Promise<void> {
  const user = await findByEmailIn(em, email)
  if (user && user.id !== id) throw emailTaken()
  const latinForm = looksLike(email)
  const other = latinForm === undefined ? undefined : await findByEmailIn(em, latinForm)
  // The same error as for a taken address, so that it does not reveal which letters differ.
  if (other && other.id !== id) throw emailTaken()
}

function searchCondition(part: string) {
  const parts = [...new Set([part, part.normalize('NFC'), ...(part.includes('@') ? emailForms(part) : [])])]
  return {
    $or: parts.flatMap(one => {
      const $ilike = likePattern(one)
      return [{ name: { $ilike } }, { email: { $ilike } }]
    }),
  }
}

/** The details of the audit entry of a change: the names of the fields, and of the values only the role. */
function auditDetails({ role, mustChangePassword: _, ...values }: Partial<User>): Record<string, unknown> {
  return { fields: [...Object.keys(values), ...(role ? ['role'] : [])], ...(role && { role }) }
}

function throwEmailTaken(error: unknown): never {
  if (error instanceof UniqueConstraintViolationException) {
    throw emailTaken()
  }
  throw error
}

const emailTaken = () => invalid({ path: 'email', message: 'is taken' })
