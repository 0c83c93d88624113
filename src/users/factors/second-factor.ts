import { writeAudit } from '../../audit/audit.ts'
import type { Database } from '../../database/database.ts'
import { secondFactorRequired } from '../../errors/errors.ts'
import type { Mail } from '../../mail/mail.ts'
import type { SignInOrigin } from '../sign-in-limits.ts'
import type { Throttle } from '../throttle.ts'
import { labelOf, type User } from '../user.entity.ts'
import type { CodeMethod, Factors } from './factors.ts'

/**
 * Checks a code of the authenticator app, or a recovery code, with a limit on attempts. Failures are written to the audit log,
 * and the user is told once a day of many.
 * @returns which of the two it was
 * @throws 401, the same for a wrong code and a used one; 429 with `Retry-After`
 */
export type CheckCode = (user: User, code: string, from: SignInOrigin) => Promise<CodeMethod>

export interface CheckCodeOptions {
  db: Database
  mail: Mail
  throttle: Throttle
  factors: Factors
}

export const WRONG_CODE = 'The code is wrong, or has been used. Wait for the next one.'

/** So many wrong codes in a day are told to the user: who enters them knows the password, or has a session. */
const MANY = 10

/**
 * The known browser of an attempt. A cookie from before the user's first factor counts for nothing: who has one may know only
 * the password, and could have got many.
 */
async function deviceOf(factors: Pick<Factors, 'list'>, user: string, { device }: SignInOrigin) {
  if (!device) return undefined
  const { passkeys, app } = await factors.list(user)
  const first = Math.min(...[...passkeys, ...(app ? [app] : [])].map(({ createdAt }) => createdAt.getTime()))
  return device.since.getTime() > first - 1000 ? device : undefined
}

export function createCheckCode({ db, mail, throttle, factors }: CheckCodeOptions): CheckCode {
  return async (user, code, from) => {
    const { id, unlockedAt } = user
    const attempt = { email: labelOf(user), unlockedAt, peer: from.peer, device: await deviceOf(factors, id, from) }
    const method = await throttle.limitSecondFactor(attempt, () => factors.useCode(id, code))
    if (method) return method
    const wrong = await throttle.countWrongCode(attempt)
    await db.transaction(async em => {
      writeAudit(em, { kind: 'sign_in.failed', userId: id, details: { reason: 'second_factor' } })
      if (wrong === MANY) await mail.enqueue(em, 'wrong_codes', { user: id, count: MANY })
    })
    throw secondFactorRequired(WRONG_CODE)
  }
}
