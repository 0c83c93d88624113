import { invalid } from '../errors/errors.ts'
import type { Peer } from '../http/forwarded.ts'
import type { Throttle } from './throttle.ts'
import type { User } from './user.entity.ts'
import type { Users } from './users.ts'

/**
 * Checks the password of a user who is already authenticated. A token or a session alone does not prove that its holder
 * knows the password.
 * @param peer the address of the request
 * @param path path of the field that contains the password
 * @throws 422 if the password is missing or wrong; 429 with `Retry-After`
 */
export type ConfirmPassword = (userId: string, peer: Peer, password: string | undefined, path?: string) => Promise<User>

export function createConfirmPassword(users: Users, throttle: Throttle): ConfirmPassword {
  return async (userId, peer, password, path = 'current_password') => {
    if (password === undefined) throw invalid({ path, message: 'is required' })
    const { email, unlockedAt } = await users.find(userId)
    const user = await throttle.limitSignIn({ email, unlockedAt, peer }, () => users.authenticate(email, password))
    if (!user) throw invalid({ path, message: 'is wrong' })
    return user
  }
}
