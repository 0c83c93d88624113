import { writeAudit } from '../audit/audit.ts'
import type { Config } from '../config/config.ts'
import type { Database } from '../database/database.ts'
import { secondFactorMissing, secondFactorRequired, wrongCredentials } from '../errors/errors.ts'
import type { ApplicationSignIn } from './application-sign-in.ts'
import type { Factors } from './factors/factors.ts'
import { requiresFactor } from './factors/policy.ts'
import type { CheckCode } from './factors/second-factor.ts'
import type { SignInOrigin } from './sign-in-limits.ts'
import type { Throttle } from './throttle.ts'
import type { User } from './user.entity.ts'
import type { Users } from './users.ts'

/**
 * Authenticates a user by e-mail address and password, with a limit on attempts. Failures are written to the audit log. It
 * is the first step only: whoever calls it must ask for the second factor of a user who has one.
 * @param from the origin of the request
 * @throws 401, the same for an unknown user, a wrong password and a disabled user; 429 with `Retry-After`; 503 if the
 *   application does not answer, which counts as a failure
 */
export type CheckPassword = (email: string, password: string, from: SignInOrigin) => Promise<User>

/** What somebody without a session authenticates with. */
export interface Credentials {
  email: string
  password: string
  /** A code of the authenticator app, or a recovery code: required of a user who has a second factor. */
  code?: string | undefined
}

/**
 * Authenticates a user completely, in one request: no password is accepted alone when there is or must be a second factor.
 * @param way is written to the audit log
 * @throws as `CheckPassword`; 401 `second_factor_required` without a right code; 403 if the deployment requires a second
 *   factor that the user has not set up
 */
export type SignIn = (credentials: Credentials, from: SignInOrigin, way: 'api') => Promise<User>

export interface SignInOptions {
  db: Database
  users: Users
  throttle: Throttle
  applicationSignIn: Pick<ApplicationSignIn, 'authenticate'>
  factors: Factors
  checkCode: CheckCode
  config: Pick<Config, 'mfa' | 'issuer'>
}

export function createCheckPassword({ db, users, throttle, applicationSignIn }: SignInOptions): CheckPassword {
  /** Does not log the e-mail address: people type passwords into the wrong field. */
  async function fail(local: User | undefined, refusal: unknown): Promise<never> {
    await db.transaction(async em => writeAudit(em, { kind: 'sign_in.failed', userId: local?.id }))
    throw refusal
  }

  return async (email, password, from) => {
    const local = await users.findByEmail(email)
    const attempt = { email, unlockedAt: local?.unlockedAt, ...from }
    let refusal: unknown
    /** The local password is wrong, so the attempt counts although the application does not answer. */
    const away = (error: unknown) => {
      refusal = error
      return undefined
    }
    const verify = async () =>
      (await users.authenticate(email, password)) ?? (await applicationSignIn.authenticate(email, password).catch(away))
    // A password at the application says nothing about who guesses at that of the local user.
    const user = await throttle.limitSignIn(attempt, verify, found => !local || found.id === local.id)
    return user ?? fail(local, refusal ?? wrongCredentials())
  }
}

export function createSignIn(options: SignInOptions): SignIn {
  const { db, factors, checkCode, config } = options
  const checkPassword = createCheckPassword(options)

  async function checkSecondFactor(user: User, code: string | undefined, from: SignInOrigin): Promise<void> {
    const has = await factors.has(user.id)
    if (!has && requiresFactor(user, config)) throw secondFactorMissing(setUp(config.issuer))
    if (!has) return
    if (code === undefined) throw secondFactorRequired(SEND_CODE)
    await checkCode(user, code, from)
  }

  return async ({ email, password, code }, from, way) => {
    const user = await checkPassword(email, password, from)
    await checkSecondFactor(user, code, from)
    await db.transaction(async em => writeAudit(em, { kind: 'sign_in.succeeded', userId: user.id, details: { way } }))
    return user
  }
}

const SEND_CODE =
  'This user has a second factor. Send a code of the authenticator app or a recovery code as well, in `code`, or sign in with a browser.'
const setUp = (issuer: string) => `This user needs a second factor. Sign in at ${issuer} with a browser to set one up.`
