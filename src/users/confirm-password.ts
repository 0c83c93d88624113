import { invalid } from '../errors/errors.ts'
import type { Peer } from '../http/forwarded.ts'
import type { Throttle } from './throttle.ts'
import type { User } from './user.entity.ts'
import type { Users } from './users.ts'

/**
 * Proves that whoever acts for a user knows the password too: holding a token or a session is not that.
 * @param peer where it comes from
 * @param path of the field that it was sent in
 * @throws 422 when it is missing or wrong; 429 with `Retry-After`
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
