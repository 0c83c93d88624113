import { writeAudit } from '../audit/audit.ts'
import type { Database } from '../database/database.ts'
import { wrongCredentials } from '../errors/errors.ts'
import type { Peer } from '../http/forwarded.ts'
import type { Throttle } from './throttle.ts'
import type { User } from './user.entity.ts'
import type { Users } from './users.ts'

/**
 * Authenticates a user by e-mail address and password, with a limit on attempts. Failures are written to the audit log.
 * @param from the origin of the request; `device`: the id of a browser in which this user has signed in before
 * @param way writes a success to the audit log too, with this value. Omit it for sessions, which write their own entry
 * @throws 401, the same for an unknown user, a wrong password and a disabled user; 429 with `Retry-After`
 */
export type SignIn = (
  email: string,
  password: string,
  from: { peer: Peer; device?: string | undefined },
  way?: 'api',
) => Promise<User>

export interface SignInOptions {
  db: Database
  users: Users
  throttle: Throttle
}

export function createSignIn({ db, users, throttle }: SignInOptions): SignIn {
  /** Does not log the e-mail address: people type passwords into the wrong field. */
  async function fail(email: string): Promise<never> {
    const user = await users.findByEmail(email)
    await db.transaction(async em => writeAudit(em, { kind: 'sign_in.failed', userId: user?.id }))
    throw wrongCredentials()
  }

  return async (email, password, from, way) => {
    const unlockedAt = (await users.findByEmail(email))?.unlockedAt
    const attempt = { email, unlockedAt, ...from }
    const user = await throttle.limitSignIn(attempt, () => users.authenticate(email, password))
    if (!user) return fail(email)
    if (way) {
      await db.transaction(async em => writeAudit(em, { kind: 'sign_in.succeeded', userId: user.id, details: { way } }))
    }
    return user
  }
}
