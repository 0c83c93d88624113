import type { Em } from '../../database/database.ts'

/** SQL expression: whether the user has a second factor. @param user SQL of the id */
export const hasFactorsSql = (user: string): string =>
  `(exists (select from passkeys where user_id = ${user}) or exists (select from authenticator_apps where user_id = ${user}))`

/** Whether a user has a second factor: a passkey or an authenticator app. Recovery codes alone are none. */
export async function hasFactors(em: Em, user: string): Promise<boolean> {
  const [row] = (await em.execute(`select ${hasFactorsSql('u.id')} as found from users u where u.id = ?`, [user])) as {
    found: boolean
  }[]
  return row?.found === true
}
