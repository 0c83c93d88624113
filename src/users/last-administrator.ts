import type { Em } from '../database/database.ts'
import { conflict } from '../errors/errors.ts'
import type { User } from './user.entity.ts'

/** Locks in the order of the ids, so that concurrent changes of administrators wait for each other without a deadlock. */
const ADMINISTRATORS = `
  select id from users where role = 'admin' and disabled_at is null order by id for no key update`

/** Whether a change would remove an administrator. */
const removesAdministrator = (values: Partial<User>) => values.role === 'user' || values.disabledAt != null

/**
 * Locks all administrators until the transaction of `em` ends if a change may remove one, so that the second of two
 * concurrent changes sees the result of the first. Call it before reading the user.
 * @returns a function that checks the changed user. It throws 409 for the last administrator who can sign in
 */
export async function lockAdministrators(em: Em, values: Partial<User>): Promise<(user: User) => void> {
  if (!removesAdministrator(values)) return () => {}
  const ids = ((await em.execute(ADMINISTRATORS)) as { id: string }[]).map(({ id }) => id)
  return user => {
    if (ids.length > 1 || ids[0] !== user.id) return
    throw conflict(`${user.email} is the last administrator. Make another user an administrator first.`)
  }
}
