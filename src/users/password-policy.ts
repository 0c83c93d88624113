import type { Config } from '../config/config.ts'
import type { User } from './user.entity.ts'

/** Whether a user may sign in by password: one who has a password, where the deployment allows it. */
export const mayUsePassword = (
  { role, hasPassword }: Pick<User, 'role' | 'hasPassword'>,
  passwords: Config['passwords'],
): boolean => hasPassword && (passwords === 'on' || (passwords === 'admins' && role === 'admin'))
