import type { Em } from '../database/database.ts'
import type { Mail } from '../mail/mail.ts'

const ADMINISTRATORS = `
  select id from users where role = 'admin' and kind = 'person' and disabled_at is null and id <> ? order by id`

/**
 * Tells administrators by mail of service accounts that nobody looks after any more, in the transaction of `em`.
 * @param leaver the person who looked after them
 */
export async function tellOfLeftAccounts(
  em: Em,
  mail: Mail,
  accounts: readonly { name: string }[],
  leaver: string,
): Promise<void> {
  if (accounts.length === 0 || !mail.enabled) return
  const names = accounts.map(({ name }) => name)
  const administrators = (await em.execute(ADMINISTRATORS, [leaver])) as { id: string }[]
  for (const { id: user } of administrators) await mail.enqueue(em, 'accounts_left', { user, accounts: names })
}
