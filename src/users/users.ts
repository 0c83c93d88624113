import { UniqueConstraintViolationException } from '@mikro-orm/postgresql'
import { record } from '../audit/audit.ts'
import type { EventKind } from '../audit/event.entity.ts'
import type { Changes } from '../changes/changes.ts'
import type { Database } from '../database.ts'
import { invalid, notFound, raise } from '../errors.ts'
import { newId } from '../ids.ts'
import { containing } from '../like.ts'
import { checkedName } from '../names.ts'
import { checkNewPassword, hashPassword, passwordMatches } from './passwords.ts'
import { endSessions } from './sessions.ts'
import { type Role, User } from './user.entity.ts'

export interface NewUser {
  email: string
  name: string
  password: string
  role?: Role
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
  /** As a whole or not at all. A new password ends the user's sessions. @throws 422 as `create` does */
  update(id: string, change: UserChange): Promise<User>
  /** Ends the user's sessions. */
  setPassword(id: string, password: string): Promise<void>
  /** From the next request on none of the user's tokens and sessions opens anything. */
  disable(id: string): Promise<User>
  enable(id: string): Promise<User>
  /** The live user that e-mail and password name; undefined after the same time for whatever reason. */
  authenticate(email: string, password: string): Promise<User | undefined>
}

const EMAIL = /^[^\s@<>()[\],;:\\"]{1,64}@[^\s@<>()[\],;:\\"]{1,253}$/

/** One spelling for one address: case, width and surrounding blanks do not make another user. */
export function normalizeEmail(email: string): string {
  return email.normalize('NFKC').trim().toLowerCase()
}

export function createUsers(db: Database, changes: Changes): Users {
  const find = async (id: string) => (await db.run(em => em.findOne(User, { id }))) ?? raise(notFound('user'))

  /** @param parts what changes, by what the trail calls it */
  const change = (id: string, parts: Partial<Record<EventKind, Partial<User>>>) =>
    changes.transaction(async (em, announce) => {
      const values: Partial<User> = Object.assign({}, ...Object.values(parts))
      const user = await em.findOne(User, { id })
      if (!user) throw notFound('user')
      em.assign(user, { ...values, updatedAt: new Date() })
      await em.flush().catch(taken)
      announce({ kind: 'user', id })
      for (const [kind, part] of Object.entries(parts)) {
        record(em, { kind: kind as EventKind, userId: id, details: told(part) })
      }
      if (values.passwordHash || values.disabledAt) await endSessions(em, id)
      return user
    })

  return {
    find,
    async create({ email, name, password, role = 'user' }) {
      checkNewPassword(password)
      const now = new Date()
      const fields = { email: checkedEmail(email), name: checkedName(name), role }
      const passwordHash = await hashPassword(password)
      return db.transaction(async em => {
        const user = em.create(User, { id: newId(), ...fields, passwordHash, createdAt: now, updatedAt: now })
        await em.flush().catch(taken)
        record(em, { kind: 'user.created', userId: user.id, details: { role } })
        return user
      })
    },
    count: () => db.run(em => em.count(User)),
    findByEmail: email => db.run(async em => (await em.findOne(User, { email: normalizeEmail(email) })) ?? undefined),
    list: ({ limit = 50, after, search } = {}) => {
      const where = { ...(after && { id: { $gt: after } }), ...(search && named(search)) }
      return db.run(em => em.find(User, where, { orderBy: { id: 'asc' }, limit }))
    },
    async update(id, { name, email, role, password }) {
      const values = {
        ...(name !== undefined && { name: checkedName(name) }),
        ...(email !== undefined && { email: checkedEmail(email) }),
        ...(role !== undefined && { role }),
      }
      if (password === undefined) return change(id, { 'user.changed': values })
      const others = Object.keys(values).length > 0 && { 'user.changed': values }
      return change(id, { ...others, 'user.password_changed': await newPassword(password) })
    },
    async setPassword(id, password) {
      await change(id, { 'user.password_changed': await newPassword(password) })
    },
    disable: id => change(id, { 'user.disabled': { disabledAt: new Date() } }),
    enable: id => change(id, { 'user.enabled': { disabledAt: null } }),
    async authenticate(email, password) {
      const user = await db.run(em => em.findOne(User, { email: normalizeEmail(email) }))
      const matches = await passwordMatches(user?.passwordHash, password)
      return matches && user && !user.disabledAt ? user : undefined
    },
  }
}

async function newPassword(password: string): Promise<Pick<User, 'passwordHash'>> {
  checkNewPassword(password)
  return { passwordHash: await hashPassword(password) }
}

function named(part: string) {
  const $ilike = containing(part)
  return { $or: [{ name: { $ilike } }, { email: { $ilike } }] }
}

/** What the audit trail says of a change: which fields, and only those values that are nobody's secret. */
function told({ role, ...values }: Partial<User>): Record<string, unknown> {
  return { fields: [...Object.keys(values), ...(role ? ['role'] : [])], ...(role && { role }) }
}

function checkedEmail(text: string): string {
  const email = normalizeEmail(text)
  if (email.length <= 254 && EMAIL.test(email)) return email
  throw invalid({ path: 'email', message: 'must be an e-mail address' })
}

function taken(error: unknown): never {
  if (error instanceof UniqueConstraintViolationException) {
    throw invalid({ path: 'email', message: 'is taken' })
  }
  throw error
}
