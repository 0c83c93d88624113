import type { Em } from '../database/database.ts'
import { emailForms } from './emails.ts'
import { type LocalUser, User } from './user.entity.ts'

/** Finds the person with an address in any spelling and in any form in which it may be stored. */
export async function findByEmailIn(em: Em, email: string): Promise<LocalUser | undefined> {
  const forms = emailForms(email)
  const found = (await em.find(User, { email: { $in: forms }, kind: 'person' })) as LocalUser[]
  return found.sort((a, b) => forms.indexOf(a.email) - forms.indexOf(b.email))[0]
}
