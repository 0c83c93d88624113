import { invalid, PosternError } from '../errors/errors.ts'
import type { ConfirmPassword } from './confirm-password.ts'
import type { Factors } from './factors/factors.ts'
import type { PasskeyAnswer } from './factors/passkey-use.ts'
import type { CheckCode } from './factors/second-factor.ts'
import type { SignInOrigin } from './sign-in-limits.ts'
import type { Throttle } from './throttle.ts'
import type { User } from './user.entity.ts'
import type { Users } from './users.ts'

/** What a signed-in user shows to confirm who they are. */
export interface Proof {
  password?: string | undefined
  code?: string | undefined
  /** The use of a passkey, and the value that only this browser has. */
  passkey?: (PasskeyAnswer & { browser: string }) | undefined
}

/** How the user has confirmed it. */
export type Confirmation = 'pwd' | 'otp' | 'recovery' | 'passkey'

/**
 * Confirms who a signed-in user is: by a passkey or a code, if there is a second factor, otherwise by the password. A session
 * alone does not prove that the user is there.
 * @param path the field with the password, for the error
 * @throws 422 for what is wrong or missing, also if only a password is given in place of a code; 429 with `Retry-After`
 */
export type ConfirmUser = (userId: string, from: SignInOrigin, proof: Proof, path?: string) => Promise<Confirmation>

export interface ConfirmUserOptions {
  users: Users
  throttle: Throttle
  factors: Factors
  checkCode: CheckCode
  confirmPassword: ConfirmPassword
}

/** Confirms a change by both the password and the second factor, if there is one: of a request with a token alone. */
export type ConfirmChange = (userId: string, from: SignInOrigin, proof: Omit<Proof, 'passkey'>) => Promise<void>

export function createConfirmations(options: ConfirmUserOptions): {
  confirmUser: ConfirmUser
  confirmChange: ConfirmChange
} {
  const { users, throttle, factors, checkCode, confirmPassword } = options

  async function confirmFactor(user: User, from: SignInOrigin, { code, passkey }: Proof): Promise<Confirmation> {
    if (passkey) {
      const use = () => factors.usePasskey(passkey.browser, passkey, user.id)
      await throttle.limitPasskey(from.peer, use).catch(refusedAs('passkey'))
      return 'passkey'
    }
    if (code === undefined) throw invalid({ path: 'code', message: 'is required: you have a second factor' })
    return checkCode(user, code, from).catch(refusedAs('code'))
  }

  return {
    async confirmUser(userId, from, proof, path) {
      if (await factors.has(userId)) return confirmFactor(await users.find(userId), from, proof)
      await confirmPassword(userId, from, proof.password, path)
      return 'pwd'
    },
    async confirmChange(userId, from, proof) {
      await confirmPassword(userId, from, proof.password)
      if (await factors.has(userId)) await confirmFactor(await users.find(userId), from, proof)
    },
  }
}

const MESSAGES = { code: 'is wrong, or has been used', passkey: 'was not accepted: try again' } as const

/** Who is signed in already is not told to sign in. */
const refusedAs = (path: keyof typeof MESSAGES) => (error: unknown) => {
  if (error instanceof PosternError && error.status === 401) throw invalid({ path, message: MESSAGES[path] })
  throw error
}
