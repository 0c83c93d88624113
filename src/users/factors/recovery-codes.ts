import { randomInt } from 'node:crypto'
import type { Em } from '../../database/database.ts'
import { hashSecret } from '../../security/secrets.ts'
import { RecoveryCode } from './recovery-code.entity.ts'

const COUNT = 10
/** Without letters that look like others. 16 of them are 80 random bits, so a fast hash is enough. */
const LETTERS = 'abcdefghjkmnpqrstvwxyz0123456789'
const LENGTH = 16

/** Whether a text has the length of a recovery code; case, blanks and hyphens do not matter. */
export const isRecoveryCode = (text: string): boolean => normalize(text).length === LENGTH

/**
 * Replaces the recovery codes of a user, in the transaction of `em`.
 * @returns the plain text of the new ones, such as `7h2k-9q4m-xw0t-b5nc`, which is not stored
 */
export async function replaceRecoveryCodes(em: Em, user: string): Promise<string[]> {
  const codes = Array.from({ length: COUNT }, newCode)
  await em.nativeDelete(RecoveryCode, { user })
  await em.insertMany(
    RecoveryCode,
    codes.map(code => ({ user, hash: hashSecret(normalize(code)) })),
  )
  return codes
}

/** Uses a recovery code up. Of two that use it at once, one deletes the row. @returns false for a wrong or used one */
export async function useRecoveryCode(em: Em, user: string, code: string): Promise<boolean> {
  return (await em.nativeDelete(RecoveryCode, { user, hash: hashSecret(normalize(code)) })) === 1
}

function newCode(): string {
  const letters = Array.from({ length: LENGTH }, () => LETTERS[randomInt(LETTERS.length)]).join('')
  return letters.replace(/(.{4})(?=.)/g, '$1-')
}

const normalize = (text: string): string =>
  text
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, '')
    .replaceAll('o', '0')
    .replaceAll(/[il]/g, '1')
