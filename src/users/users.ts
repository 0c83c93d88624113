import { UniqueConstraintViolationException } from '@mikro-orm/postgresql'
import { record } from '../audit/audit.ts'
import type { EventKind } from '../audit/event.entity.ts'
import type { Affects, Changes } from '../cluster/changes.ts'
import type { Database, Em } from '../database/database.ts'
import { newId } from '../database/ids.ts'
import { containing } from '../database/like.ts'
import { invalid, notFound, raise } from '../errors/errors.ts'
import { checkedName } from '../text/names.ts'
import { checkedEmail, emailForms } from './emails.ts'
import { holdAdministrators } from './last-administrator.ts'
import { looksLike } from './look-alikes.ts'
import { checkNewPassword, hashPassword, type PasswordOwner, passwordMatches } from './passwords.ts'
import { endSessions } from './sessions.ts'
import { type Role, User } from './user.entity.ts'

export interface NewUser {
  email: string
  name: string
  password: string
  role?: Role
  /** The password has to be changed at the first sign-in. */
  mustChangePassword?: boolean
}

export interface UserChange {
  name?: string | undefined
  email?: string | undefined
  role?: Role | undefined
  password?: string | undefined
}

export interface Users {
  /** @throws 422 for a bad or taken e-mail address, an empty name, a weak password */
  create(input: NewUser): Promise<User>
  count(): Promise<number>
  find(id: string): Promise<User>
  findByEmail(email: string): Promise<User | undefined>
  /** Oldest first. @param search only those whose name or e-mail address contains it, in upper or lower case */
  list(page?: { limit?: number; after?: string | undefined; search?: string | undefined }): Promise<User[]>
  /**
   * As a whole or not at all. A new password ends the user's sessions.
   * @throws 422 as `create` does; 409 when the last administrator would become a user
   */
  update(id: string, change: UserChange): Promise<User>
  /** Ends the user's sessions. */
  setPassword(id: string, password: string): Promise<void>
  /** From the next request on none of the user's tokens and sessions opens anything. @throws 409 for the last administrator */
  disable(id: string): Promise<User>
  enable(id: string): Promise<User>
  /** The live user that e-mail and password name; undefined after the same time for whatever reason. */
  authenticate(email: string, password: string): Promise<User | undefined>
}

export function createUsers(db: Database, changes: Changes): Users {
  const find = async (id: string) => (await db.run(em => em.findOne(User, { id }))) ?? raise(notFound('user'))

  /** @param parts what changes, by what the trail calls it */
  const change = (id: string, parts: Partial<Record<EventKind, Partial<User>>>) =>
    changes.transaction(async (em, announce) => {
      const values: Partial<User> = Object.assign({}, ...Object.values(parts))
      const mustNotBeLast = await holdAdministrators(em, values)
      const user = await em.findOne(User, { id })
      if (!user) throw notFound('user')
      mustNotBeLast(user)
      if (values.email !== undefined) await mustBeFree(em, values.email, id)
      const affects = affectedBy(user, values)
      em.assign(user, { ...values, updatedAt: new Date() })
      await em.flush().catch(taken)
      announce({ kind: 'user', id }, affects)
      for (const [kind, part] of Object.entries(parts)) {
        record(em, { kind: kind as EventKind, userId: id, details: told(part) })
      }
      if (values.passwordHash || values.disabledAt) await endSessions(em, id)
      return user
    })

  /** Not a change of the password: sessions go on. Whoever changed it meanwhile has the last word. */
  async function rehashed(user: User, password: string): Promise<User> {
    const passwordHash = await hashPassword(password)
    const { id, passwordHash: before } = user
    const stored = await db.run(em => em.nativeUpdate(User, { id, passwordHash: before }, { passwordHash }))
    return stored === 1 ? ((await db.run(em => em.findOne(User, { id }))) ?? user) : user
  }

  return {
    find,
    async create({ email, name, password, role = 'user', mustChangePassword = false }) {
      const now = new Date()
      const fields = { email: checkedEmail(email), name: checkedName(name), role }
      checkNewPassword(password, fields)
      const passwordHash = await hashPassword(password)
      const values = { ...fields, passwordHash, mustChangePassword }
      return db.transaction(async em => {
        await mustBeFree(em, fields.email)
        const user = em.create(User, { id: newId(), ...values, createdAt: now, updatedAt: now })
        await em.flush().catch(taken)
        record(em, { kind: 'user.created', userId: user.id, details: { role } })
        return user
      })
    },
    count: () => db.run(em => em.count(User)),
    findByEmail: email => db.run(em => named(em, email)),
    list: ({ limit = 50, after, search } = {}) => {
      const where = { ...(after && { id: { $gt: after } }), ...(search && matching(search)) }
      return db.run(em => em.find(User, where, { orderBy: { id: 'asc' }, limit }))
    },
    async update(id, { name, email, role, password }) {
      const values = {
        ...(name !== undefined && { name: checkedName(name) }),
        ...(email !== undefined && { email: checkedEmail(email) }),
        ...(role !== undefined && { role }),
      }
      if (password === undefined) return change(id, { 'user.changed': values })
      const now = await find(id)
      const owner = { email: values.email ?? now.email, name: values.name ?? now.name }
      const others = Object.keys(values).length > 0 && { 'user.changed': values }
      return change(id, { ...others, 'user.password_changed': await newPassword(password, owner) })
    },
    async setPassword(id, password) {
      await change(id, { 'user.password_changed': await newPassword(password, await find(id)) })
    },
    disable: id => change(id, { 'user.disabled': { disabledAt: new Date() } }),
    enable: id => change(id, { 'user.enabled': { disabledAt: null } }),
    async authenticate(email, password) {
      const user = await db.run(em => named(em, email))
      const matches = await passwordMatches(user?.passwordHash, password)
      if (!matches || !user || user.disabledAt) return undefined
      return matches === 'outdated' ? rehashed(user, password) : user
    },
  }
}

/** What a change of a user does to the user's tokens. */
function affectedBy(user: User, { role, disabledAt }: Partial<User>): Affects {
  if (disabledAt !== undefined && (disabledAt === null) !== (user.disabledAt === null)) return 'status'
  return role !== undefined && role !== user.role && user.role === 'admin' ? 'role' : 'nothing'
}

async function newPassword(password: string, owner: PasswordOwner) {
  checkNewPassword(password, owner)
  return { passwordHash: await hashPassword(password), mustChangePassword: false }
}

/** The user of this address, however it is spelt and was stored. */
async function named(em: Em, email: string): Promise<User | undefined> {
  const forms = emailForms(email)
  const found = await em.find(User, { email: { $in: forms } })
  return found.sort((a, b) => forms.indexOf(a.email) - forms.indexOf(b.email))[0]
}

/** The unique index sees one spelling; an earlier version stored others. @throws 422 */
async function mustBeFree(em: Em, email: string, id?: string): Promise<void> {
  const user = await named(em, email)
  if (user && user.id !== id) throw emailTaken()
  const twin = looksLike(email)
  const other = twin === undefined ? undefined : await named(em, twin)
  // Said as of one that is taken: which letters differ is nothing to learn here.
  if (other && other.id !== id) throw emailTaken()
}

function matching(part: string) {
  const parts = [...new Set([part, part.normalize('NFC'), ...(part.includes('@') ? emailForms(part) : [])])]
  return {
    $or: parts.flatMap(one => {
      const $ilike = containing(one)
      return [{ name: { $ilike } }, { email: { $ilike } }]
    }),
  }
}

/** What the audit trail says of a change: which fields, and only those values that are nobody's secret. */
function told({ role, mustChangePassword: _, ...values }: Partial<User>): Record<string, unknown> {
  return { fields: [...Object.keys(values), ...(role ? ['role'] : [])], ...(role && { role }) }
}

function taken(error: unknown): never {
  if (error instanceof UniqueConstraintViolationException) {
    throw emailTaken()
  }
  throw error
}

const emailTaken = () => invalid({ path: 'email', message: 'is taken' })
