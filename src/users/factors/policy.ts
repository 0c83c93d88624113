import type { Config } from '../../config/config.ts'
import { mayUsePassword } from '../password-policy.ts'
import type { User } from '../user.entity.ts'

type Who = Pick<User, 'role' | 'hasPassword'>

/** Whether the deployment requires a second factor of a user who signs in by password (`MFA`). */
export const requiresFactor = ({ role, hasPassword }: Who, { mfa }: Pick<Config, 'mfa'>): boolean =>
  hasPassword && (mfa === 'required' || (mfa === 'admins' && role === 'admin'))

/** Whether a user may have passkeys and an authenticator app: one who may sign in by password. */
export const mayHaveFactors = (user: Who, { passwords }: Pick<Config, 'passwords'>): boolean =>
  mayUsePassword(user, passwords)
