import type { Em } from '../database/database.ts'
import { conflict } from '../errors/errors.ts'
import { labelOf, type User } from './user.entity.ts'

/** Those whom this server alone knows: an application may disable its administrators at any time. Locks in the order of the ids, so that concurrent changes of administrators wait for each other without a deadlock. */
const ADMINISTRATORS = `
  select id from users
  where role = 'admin' and kind = 'person' and subject is null and disabled_at is null
  order by id`

/** Whether a change would remove an administrator. */
const removesAdministrator = (values: Partial<User>) => values.role === 'user' || values.disabledAt != null

/**
 * Locks all administrators until the transaction of `em` ends if a change may remove one, so that the second of two
 * concurrent changes sees the result of the first. Call it before reading the user.
 * @returns a function that checks the changed user. It throws 409 for the last administrator who can sign in
 */
export async function lockAdministrators(em: Em, values: Partial<User>): Promise<(user: User) => void> {
  if (!removesAdministrator(values)) return () => {}
  const ids = ((await em.execute(`${ADMINISTRATORS} for no key update`)) as { id: string }[]).map(({ id }) => id)
  return user => {
    if (ids.length > 1 || ids[0] !== user.id) return
    throw conflict(`${labelOf(user)} is the last administrator. Make another user an administrator first.`)
  }
}

/** Whether an administrator is left who can sign in. Call it after `lockAdministrators` and the change. */
export const hasAdministrator = async (em: Em): Promise<boolean> =>
  ((await em.execute(`${ADMINISTRATORS} limit 1`)) as unknown[]).length > 0
