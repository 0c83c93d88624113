import type { Em } from '../database/database.ts'
import { takeLock } from '../database/locks.ts'
import { emailForms } from './emails.ts'
import { skeletonOf } from './look-alikes.ts'
import { User } from './user.entity.ts'

/** Which of many addresses nobody has, nor one that looks like it. */
export interface FreeEmails {
  isFree(email: string): boolean
  /** From then on it is not free. */
  take(email: string): void
}

/**
 * Looks up normalized addresses by one query. Until the transaction of `em` ends, nobody else takes one of them.
 * `isEmailFree` is the same for one address.
 */
export async function findFreeEmails(em: Em, emails: readonly string[]): Promise<FreeEmails> {
  await takeLock(em, 'emails')
  const skeletons = emails.map(skeletonOf)
  const forms = [...new Set([...emails, ...skeletons].flatMap(emailForms))]
  const users = await em.find(User, { $or: [{ email: { $in: forms } }, { emailSkeleton: { $in: skeletons } }] })
  const taken = new Set(users.flatMap(({ email, emailSkeleton }) => [email, `skeleton ${emailSkeleton}`]))
  return {
    isFree(email) {
      const skeleton = skeletonOf(email)
      const isTaken = [email, skeleton].flatMap(emailForms).some(form => taken.has(form))
      return !isTaken && !taken.has(`skeleton ${skeleton}`)
    },
    take(email) {
      taken.add(email)
      taken.add(`skeleton ${skeletonOf(email)}`)
    },
  }
}
