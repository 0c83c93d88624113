import type { Em } from '../database/database.ts'
import { newId } from '../database/ids.ts'
import { hashSecret, newSecret } from '../security/secrets.ts'
import { AuthCode } from './code.entity.ts'

/** The authorization that a code represents, and the values that its redemption must match. */
export type NewCode = Pick<AuthCode, 'user' | 'client' | 'redirectUri' | 'scopes' | 'audience' | 'codeChallenge'> &
  Partial<Pick<AuthCode, 'accessUntil'>>

/**
 * Stores a new authorization code in the transaction of `em` (RFC 6749 §4.1.2).
 * @param lifetime seconds
 * @returns the code, 256 random bits, of which only the SHA-256 is stored
 */
export async function issueCode(em: Em, code: NewCode, lifetime: number): Promise<string> {
  const text = newSecret()
  const now = Date.now()
  await em.insert(AuthCode, {
    accessUntil: null,
    ...code,
    id: newId(),
    hash: hashSecret(text),
    usedAt: null,
    createdAt: new Date(now),
    expiresAt: new Date(now + lifetime * 1000),
  })
  return text
}
