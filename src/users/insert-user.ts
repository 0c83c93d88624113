import { writeAudit } from '../audit/audit.ts'
import type { Em } from '../database/database.ts'
import { newId } from '../database/ids.ts'
import { assertEmailFree, throwEmailTaken } from './change-user.ts'
import { skeletonOf } from './look-alikes.ts'
import { type LocalUser, User } from './user.entity.ts'

export type UserRow = Pick<
  LocalUser,
  'email' | 'name' | 'role' | 'passwordHash' | 'hasPassword' | 'mustChangePassword'
> & {
  emailConfirmedAt: Date | null
}

/**
 * Inserts a user and the audit entry in the transaction of `em`.
 * @param details of the audit entry, in addition to the role
 * @throws 422 for a taken address
 */
export async function insertUser(em: Em, row: UserRow, details: Record<string, unknown> = {}): Promise<LocalUser> {
  await assertEmailFree(em, row.email)
  const now = new Date()
  const user = em.create(User, {
    id: newId(),
    ...row,
    emailSkeleton: skeletonOf(row.email),
    createdAt: now,
    updatedAt: now,
  })
  await em.flush().catch(throwEmailTaken)
  writeAudit(em, { kind: 'user.created', userId: user.id, details: { role: row.role, ...details } })
  return user as LocalUser
}
