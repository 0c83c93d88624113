import { hash, verify } from '@node-rs/argon2'
import { invalid } from '../errors/errors.ts'
import { COMMON_PASSWORDS } from './common-passwords.ts'

/** OWASP's recommendation for argon2id: 19 MiB, two iterations, one degree of parallelism; about 6 ms. */
const COST = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const

export const MIN_PASSWORD_LENGTH = 8
export const MAX_PASSWORD_LENGTH = 256

let dummyHash: Promise<string> | undefined

/**
 * Normalizes a password to NFC, since keyboards and systems send the same characters composed or decomposed
 * (RFC 8265 §4.2). Case, width and blanks are significant.
 */
export const normalizePassword = (password: string): string => password.normalize('NFC')

export function hashPassword(password: string): Promise<string> {
  return hash(normalizePassword(password), COST)
}

/**
 * Whether a password matches a hash. Without a hash, for an unknown user, it takes the same time and returns false.
 * @returns `outdated` if the hash is of an unnormalized form, stored by an earlier version. Hash the password again then
 */
export async function passwordMatches(
  passwordHash: string | undefined,
  password: string,
): Promise<boolean | 'outdated'> {
  dummyHash ??= hashPassword('there is no such user')
  const normal = normalizePassword(password)
  for (const form of new Set([normal, password, password.normalize('NFD')])) {
    if (!(await verify(passwordHash ?? (await dummyHash), form))) continue
    if (passwordHash === undefined) return false
    return form === normal || 'outdated'
  }
  return false
}

let common: ReadonlySet<string> | undefined

/** The user who chooses a password. */
export interface PasswordOwner {
  email: string
  name: string
}

/**
 * Validates a new password. The length is in characters of the normal form; 256 of them are at most 1,024 bytes.
 * @throws 422 if it is too short or too long, a common password, only blanks, or the user's own address or name (OWASP ASVS
 * 6.2)
 */
export function checkNewPassword(password: string, owner: PasswordOwner, path = 'password'): void {
  const length = [...normalizePassword(password)].length
  if (length < MIN_PASSWORD_LENGTH)
    throw invalid({ path, message: `must have at least ${MIN_PASSWORD_LENGTH} characters` })
  if (length > MAX_PASSWORD_LENGTH)
    throw invalid({ path, message: `must have at most ${MAX_PASSWORD_LENGTH} characters` })
  const guess = comparable(password)
  if (guess === '') throw invalid({ path, message: 'must contain visible characters' })
  common ??= new Set(COMMON_PASSWORDS.split(' ').map(comparable))
  if (common.has(guess)) throw invalid({ path, message: 'is a commonly used password' })
  if (ownWords(owner).includes(guess)) throw invalid({ path, message: 'must not be the e-mail address or the name' })
}

/** Removes differences that attackers try anyway: case, width, blanks and invisible characters. */
const comparable = (text: string) =>
  text
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/[\s\p{C}]/gu, '')

function ownWords({ email, name }: PasswordOwner): string[] {
  const at = email.lastIndexOf('@')
  return [email, email.slice(0, at), email.slice(at + 1), name].map(comparable)
}
