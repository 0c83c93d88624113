import { conflict } from '../errors/errors.ts'
import type { SafeUser } from './user.entity.ts'

/** A user who has an e-mail address and a password here. @throws 409 for a user of an application, who has both there */
export function localUser<U extends SafeUser>(user: U): U & { email: string } {
  if (user.email !== null) return user as U & { email: string }
  throw conflict(
    `The application manages the user ${user.subject ?? user.id}: name, e-mail address and password are set there.`,
  )
}
