import { UniqueConstraintViolationException } from '@mikro-orm/postgresql'
import { writeAudit } from '../audit/audit.ts'
import type { EventKind } from '../audit/event.entity.ts'
import type { AffectedStatuses, InvalidationBus, Publish } from '../cluster/invalidation-bus.ts'
import type { Em } from '../database/database.ts'
import { takeLock } from '../database/locks.ts'
import { invalid, notFound } from '../errors/errors.ts'
import type { Mail } from '../mail/mail.ts'
import { findByEmailIn } from './find-by-email.ts'
import { lockAdministrators } from './last-administrator.ts'
import { localUser } from './local-user.ts'
import { skeletonOf } from './look-alikes.ts'
import { leftAccounts, lockAccountsOf, onlyMaintainer } from './maintainers.ts'
import { endSessions } from './sessions.ts'
import { tellOfLeftAccounts } from './tell-administrators.ts'
import { User, type UserKind } from './user.entity.ts'
import { UserLink } from './user-link.entity.ts'

/**
 * Changes a user in one transaction, which also writes the audit entries and the mails about it.
 * @param parts the changed properties, by the kind of their audit entry
 * @param authorize runs first in the same transaction, and throws if the change is not allowed
 * @param options what the user must be, and whether the only maintainer of a service account may leave
 * @throws 404; 409 for the last administrator and the only maintainer of a service account; 422 for a taken address
 */
export type ChangeUser = (
  id: string,
  parts: Partial<Record<EventKind, Partial<User>>>,
  authorize?: (em: Em, publish: Publish) => Promise<void>,
  options?: ChangeUserOptions,
) => Promise<User>

export interface ChangeUserOptions {
  /** Default: a person. */
  kind?: UserKind
  /**
   * true: the person is disabled even as the only maintainer of a service account, since a directory or an application has
   * to shut out whoever leaves. The audit entry names those accounts, and a mail to administrators. Default false.
   */
  mayLeaveAccounts?: boolean
  /**
   * true: `authorize` takes the service accounts of the person away, and tells administrators of it, so they are locked before.
   * Default false.
   */
  locksAccounts?: boolean
}

export function createChangeUser(bus: InvalidationBus, mail: Mail): ChangeUser {
  async function notify(em: Em, { id: user, email: before }: User, values: Partial<User>): Promise<void> {
    if (values.email && before && values.email !== before) await mail.enqueue(em, 'email_changed', { user, before })
    if (values.passwordHash) await mail.enqueue(em, 'password_changed', { user })
  }

  return (id, parts, authorize, { kind = 'person', mayLeaveAccounts = false, locksAccounts = false } = {}) =>
    bus.transaction(async (em, publish) => {
      const values: Partial<User> = Object.assign({}, ...Object.values(parts))
      // Service accounts are locked before people.
      const isDisabling = values.disabledAt != null
      const only = isDisabling || locksAccounts ? await lockAccountsOf(em, id) : []
      const left = isDisabling ? only : []
      if (left.length > 0 && !mayLeaveAccounts) throw onlyMaintainer(left)
      const assertNotLast = kind === 'person' ? await lockAdministrators(em, values) : () => {}
      await authorize?.(em, publish)
      const user = await em.findOne(User, { id, kind })
      if (!user) throw notFound(kind === 'person' ? 'user' : 'service account')
      assertNotLast(user)
      if (values.email || values.passwordHash) localUser(user)
      if (values.email) await assertEmailFree(em, values.email, id)
      const affects = affectedStatuses(user, values)
      if (!user.disabledAt && !locksAccounts) await tellOfLeftAccounts(em, mail, left, id)
      await notify(em, user, values)
      const emailSkeleton = !values.email ? {} : { emailSkeleton: skeletonOf(values.email) }
      em.assign(user, { ...values, ...emailSkeleton, updatedAt: new Date() })
      await em.flush().catch(throwEmailTaken)
      publish({ kind: 'user', id }, affects)
      for (const [kind, part] of Object.entries(parts)) {
        writeAudit(em, {
          kind: kind as EventKind,
          userId: id,
          details: { ...auditDetails(part), ...(kind === 'user.disabled' && leftAccounts(left)) },
        })
      }
      if (values.passwordHash || values.disabledAt) await endSessions(em, id)
      // Links that were sent before must not undo the change.
      if (values.passwordHash || values.disabledAt || values.email) await em.nativeDelete(UserLink, { user: id })
      return user
    })
}

/** How a change of a user affects the status of the user's tokens. */
function affectedStatuses(user: User, { role, disabledAt, allowedScopes }: Partial<User>): AffectedStatuses {
  if (disabledAt !== undefined && (disabledAt === null) !== (user.disabledAt === null)) return 'status'
  if (allowedScopes !== undefined && JSON.stringify(allowedScopes) !== JSON.stringify(user.allowedScopes)) return 'role'
  return role !== undefined && role !== user.role && user.role === 'admin' ? 'role' : 'nothing'
}

/** The unique index compares only the normalized form, but an earlier version stored other forms. @throws 422 */
export async function assertEmailFree(em: Em, email: string, id?: string): Promise<void> {
  // No index can exclude look-alikes: users from before may be some.
  await takeLock(em, 'emails')
  if (!(await isEmailFree(em, email, id))) throw emailTaken()
}

/**
 * Whether nobody has this address, nor one that looks like it.
 * @param id a user who may have the address already
 */
export async function isEmailFree(em: Em, email: string, id?: string): Promise<boolean> {
  const skeleton = skeletonOf(email)
  for (const form of new Set([email, skeleton])) {
    const user = await findByEmailIn(em, form)
    if (user && user.id !== id) return false
  }
  const others = id === undefined ? {} : { id: { $ne: id } }
  return (await em.findOne(User, { emailSkeleton: skeleton, ...others })) === null
}

/** The details of the audit entry of a change: the names of the fields, and of the values only the role. */
function auditDetails({
  role,
  mustChangePassword: _,
  hasPassword: _1,
  emailConfirmedAt: _2,
  disabledByApplication: _3,
  ...values
}: Partial<User>) {
  return { fields: [...Object.keys(values), ...(role ? ['role'] : [])], ...(role && { role }) }
}

export function throwEmailTaken(error: unknown): never {
  if (error instanceof UniqueConstraintViolationException) {
    throw emailTaken()
  }
  throw error
}

/** The same error for a look-alike of a taken address, so that it does not reveal which letters differ. */
export const emailTaken = () => invalid({ path: 'email', message: 'is taken' })
