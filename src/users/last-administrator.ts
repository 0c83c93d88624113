import type { Em } from '../database/database.ts'
import { conflict } from '../errors/errors.ts'
import type { User } from './user.entity.ts'

/** In the order of their ids, so that two who change administrators at once wait for each other and do not deadlock. */
const ADMINISTRATORS = `
  select id from users where role = 'admin' and disabled_at is null order by id for no key update`

/** Whether a change takes the administration away from a user who has it. */
const endsAdministration = (values: Partial<User>) => values.role === 'user' || values.disabledAt != null

/**
 * Holds the administrators until the transaction of `em` ends, where a change may take one away: of two at once the later
 * one sees what the earlier one left. Called before the user is read.
 * @returns checks the user who is changed. @throws 409 for the last administrator who can sign in
 */
export async function holdAdministrators(em: Em, values: Partial<User>): Promise<(user: User) => void> {
  if (!endsAdministration(values)) return () => {}
  const ids = ((await em.execute(ADMINISTRATORS)) as { id: string }[]).map(({ id }) => id)
  return user => {
    if (ids.length > 1 || ids[0] !== user.id) return
    throw conflict(`${user.email} is the last administrator. Make another one first.`)
  }
}
