import { checkAll, invalid } from '../errors/errors.ts'
import { checkNewPassword, normalizePassword, type PasswordOwner } from '../users/passwords.ts'
import { texts } from './texts.ts'

/** The two fields of a form that sets a password. */
export interface NewPasswords {
  password: string
  password_confirmation: string
}

/** @throws 422 if the password is weak, or the second one differs */
export function checkNewPasswords(fields: NewPasswords, owner: PasswordOwner): void {
  const { password, password_confirmation: again } = fields
  checkAll({ password: () => checkNewPassword(password, owner), again: () => assertSame(password, again) })
}

function assertSame(password: string, again: string): void {
  if (normalizePassword(password) === normalizePassword(again)) return
  throw invalid({ path: 'password_confirmation', message: texts.account.password.differ })
}
