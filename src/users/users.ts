import { LockMode } from '@mikro-orm/postgresql'
import type { Config } from '../config/config.ts'
import type { Database, Em } from '../database/database.ts'
import { likePattern } from '../database/like.ts'
import { checkAll, notFound, raise } from '../errors/errors.ts'
import type { Precondition } from '../http/entity-tag.ts'
import type { Language } from '../text/language.ts'
import { validateName } from '../text/name.ts'
import { isUuid } from '../text/uuid.ts'
import type { ChangeUser } from './change-user.ts'
import { searchedForms, validateEmail } from './emails.ts'
import { findByEmailIn } from './find-by-email.ts'
import type { HashKinds } from './hash-kinds.ts'
import { insertUser } from './insert-user.ts'
import { localUser } from './local-user.ts'
import { mayUsePassword } from './password-policy.ts'
import { checkNewPassword, hashPassword, type PasswordOwner, passwordMatches, unusableHash } from './passwords.ts'
import { type LocalUser, type Role, User, type UserKind } from './user.entity.ts'

export interface NewUser {
  email: string
  name: string
  /** Omitted: nobody knows the password, and the user has to choose one by a link. */
  password?: string
  role?: Role
  /** Whether the user must change the password at the first sign-in. */
  mustChangePassword?: boolean
}

export interface UserChange {
  name?: string | undefined
  email?: string | undefined
  role?: Role | undefined
  password?: string | undefined
  /** Whether the new address is known to be the user's. Default: true, as for an address that an operator enters. */
  emailConfirmed?: boolean
}

export interface Users {
  /** @throws 422 for an invalid or taken e-mail address, an empty name or a weak password */
  create(input: NewUser): Promise<LocalUser>
  /** Counts the people. */
  count(): Promise<number>
  /** Finds a person. @throws 404, also for what is no id */
  find(id: string): Promise<User>
  /** Finds the owner of a token: a person or a service account. @throws 404 */
  findOwner(id: string): Promise<User>
  findByEmail(email: string): Promise<LocalUser | undefined>
  /** Lists people, oldest first. @param search part of the name or e-mail address, case-insensitive */
  list(page?: { limit?: number; after?: string | undefined; search?: string | undefined }): Promise<User[]>
  /**
   * Changes a user atomically. A new password ends the user's sessions.
   * @throws 422 as `create` does; 409 if the last administrator would lose that role
   */
  update(id: string, change: UserChange, precondition?: Precondition<User>): Promise<User>
  /** Stores the language that the user chose; null: none. */
  setLanguage(id: string, language: Language | null): Promise<void>
  /** Also ends the user's sessions. */
  setPassword(id: string, password: string): Promise<void>
  /** From the next request on, all tokens and sessions of the user are rejected. @throws 409 for the last administrator */
  disable(id: string): Promise<User>
  enable(id: string): Promise<User>
  /** Forgets the failed sign-ins of the user, from all networks and browsers; those of an address go on counting. */
  unlock(id: string): Promise<User>
  /** Finds the enabled user with this e-mail address and password; undefined, after the same time, for any failure. */
  authenticate(email: string, password: string): Promise<LocalUser | undefined>
}

const lockUser = async (em: Em, id: string): Promise<User> =>
  (await em.findOne(User, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE })) ?? raise(notFound('user'))

export interface UsersOptions {
  db: Database
  change: ChangeUser
  hashKinds: HashKinds
  config: Pick<Config, 'passwords' | 'devisePepper'>
}

export function createUsers({ db, change, hashKinds, config }: UsersOptions): Users {
  const findOne = async (id: string, kind?: UserKind) =>
    (isUuid(id) && (await db.run(em => em.findOne(User, { id, ...(kind && { kind }) })))) || raise(notFound('user'))
  const find = (id: string) => findOne(id, 'person')

  /** Does not count as a password change, so sessions continue. A concurrent change of the password takes precedence. */
  async function rehashPassword(user: LocalUser, password: string): Promise<LocalUser> {
    const passwordHash = await hashPassword(password)
    const { id, passwordHash: before } = user
    const stored = await db.run(em => em.nativeUpdate(User, { id, passwordHash: before }, { passwordHash }))
    return stored === 1 ? (((await db.run(em => em.findOne(User, { id }))) as LocalUser | null) ?? user) : user
  }

  return {
    find,
    findOwner: id => findOne(id),
    async create({ email, name, password, role = 'user', mustChangePassword = false }) {
      const checked = checkAll({
        name: () => validateName(name),
        email: () => validateEmail(email),
        password: () => password === undefined || checkNewPassword(password, { email, name }),
      })
      const fields = { email: checked.email, name: checked.name, role }
      const passwordHash = await (password === undefined ? unusableHash() : hashPassword(password))
      const hasPassword = password !== undefined
      const row = { ...fields, passwordHash, hasPassword, mustChangePassword, emailConfirmedAt: new Date() }
      return db.transaction(em => insertUser(em, row))
    },
    count: () => db.run(em => em.count(User, { kind: 'person' })),
    findByEmail: email => db.run(em => findByEmailIn(em, email)),
    list: ({ limit = 50, after, search } = {}) => {
      const where = {
        kind: 'person' as const,
        ...(after && { id: { $gt: after } }),
        ...(search && searchCondition(search)),
      }
      return db.run(em => em.find(User, where, { orderBy: { id: 'asc' }, limit }))
    },
    async update(id, { name, email, role, password, emailConfirmed = true }, precondition) {
      const authorize = precondition && (async (em: Em) => precondition(await lockUser(em, id)))
      const current = localUser(await find(id))
      const emailConfirmedAt = emailConfirmed ? new Date() : null
      const owner = { email: email ?? current.email, name: name ?? current.name }
      const checked = checkAll({
        name: () => name !== undefined && { name: validateName(name) },
        email: () => email !== undefined && { email: validateEmail(email), emailConfirmedAt },
        password: () => password === undefined || checkNewPassword(password, owner),
      })
      const values = { ...checked.name, ...checked.email, ...(role !== undefined && { role }) }
      if (password === undefined) return change(id, { 'user.changed': values }, authorize)
      const others = Object.keys(values).length > 0 && { 'user.changed': values }
      const parts = { ...others, 'user.password_changed': await newPassword(password, owner) }
      return change(id, parts, authorize)
    },
    async setLanguage(id, language) {
      await db.run(em => em.nativeUpdate(User, { id }, { language }))
    },
    async setPassword(id, password) {
      await change(id, { 'user.password_changed': await newPassword(password, localUser(await find(id))) })
    },
    disable: id => change(id, { 'user.disabled': { disabledAt: new Date(), disabledByApplication: false } }),
    enable: id => change(id, { 'user.enabled': { disabledAt: null, disabledByApplication: false } }),
    unlock: id => change(id, { 'user.unlocked': { unlockedAt: new Date() } }),
    async authenticate(email, password) {
      const user = await db.run(em => findByEmailIn(em, email))
      const options = { kinds: await hashKinds(), pepper: config.devisePepper }
      const matches = await passwordMatches(user?.passwordHash, password, options)
      if (!matches || !user || user.disabledAt || !mayUsePassword(user, config.passwords)) return undefined
      return matches === 'outdated' ? rehashPassword(user, password) : user
    },
  }
}

/** The changes that a new password makes. @throws 422 for a weak one */
export async function newPassword(password: string, owner: PasswordOwner) {
  checkNewPassword(password, owner)
  return { passwordHash: await hashPassword(password), hasPassword: true, mustChangePassword: false }
}

function searchCondition(part: string) {
  return {
    $or: searchedForms(part).flatMap(one => {
      const $ilike = likePattern(one)
      return [{ name: { $ilike } }, { email: { $ilike } }]
    }),
  }
}
