import { invalid } from '../errors/errors.ts'
import type { ApplicationSignIn } from './application-sign-in.ts'
import { localUser } from './local-user.ts'
import type { OwnUsers } from './own-users.ts'
import type { SignInOrigin } from './sign-in-limits.ts'
import type { Throttle } from './throttle.ts'
import type { User } from './user.entity.ts'
import type { Users } from './users.ts'

export interface ConfirmPasswordOptions {
  users: Users
  throttle: Throttle
  ownUsers: Pick<OwnUsers, 'describe'>
  applicationSignIn: Pick<ApplicationSignIn, 'authenticate'>
}

/**
 * Checks the password of a user who is already authenticated. A token or a session alone does not prove that its holder
 * knows the password.
 * @param from the origin of the request. In a browser in which this user signed in before, failures elsewhere do not count
 * @param path path of the field that contains the password
 * @throws 422 if the password is missing or wrong; 429 with `Retry-After`
 */
export type ConfirmPassword = (
  userId: string,
  from: SignInOrigin,
  password: string | undefined,
  path?: string,
) => Promise<User>

export function createConfirmPassword({
  users,
  throttle,
  ownUsers,
  applicationSignIn,
}: ConfirmPasswordOptions): ConfirmPassword {
  /** The password at the application, if it is that of this user. */
  async function confirmThere(user: User, password: string): Promise<User | undefined> {
    const { email } = await ownUsers.describe(user)
    const found = email === null ? undefined : await applicationSignIn.authenticate(email, password)
    return found?.id === user.id ? found : undefined
  }

  return async (userId, from, password, path = 'current_password') => {
    if (password === undefined) throw invalid({ path, message: 'is required' })
    const known = await users.find(userId)
    const { unlockedAt } = known
    const verify = () =>
      known.subject === null ? users.authenticate(localUser(known).email, password) : confirmThere(known, password)
    const user = await throttle.limitSignIn({ email: known.email ?? known.id, unlockedAt, ...from }, verify)
    if (!user) throw invalid({ path, message: 'is wrong' })
    return user
  }
}
