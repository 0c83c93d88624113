import { hash, verify } from '@node-rs/argon2'
import { invalid } from '../errors/errors.ts'
import { COMMON_PASSWORDS } from './common-passwords.ts'

/** OWASP's first choice for argon2id: 19 MiB, two passes, one lane; about 6 ms. */
const COST = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const

export const MIN_PASSWORD_LENGTH = 8
export const MAX_PASSWORD_LENGTH = 256

let dummyHash: Promise<string> | undefined

/**
 * The one form of a password: keyboards and systems send the same characters composed or decomposed (RFC 8265 §4.2).
 * Nothing else is changed: upper and lower case, width and blanks count.
 */
export const normalizePassword = (password: string): string => password.normalize('NFC')

export function hashPassword(password: string): Promise<string> {
  return hash(normalizePassword(password), COST)
}

/**
 * Whether the password is the one that was hashed. Without a hash, for a user that does not exist, it takes the same
 * time and says no.
 * @returns `outdated` when the hash is of a form that was stored as typed, by an earlier version: hash it again
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

/** Whose password it is to be. */
export interface PasswordOwner {
  email: string
  name: string
}

/**
 * @throws 422 when a new password is too short or too long, or among what is tried first: common passwords, blanks, and
 * the owner's own address and name (OWASP ASVS 6.2). What counts is characters in normal form: 256 of them are 1,024
 * bytes at most.
 */
export function checkNewPassword(password: string, owner: PasswordOwner, path = 'password'): void {
  const length = [...normalizePassword(password)].length
  if (length < MIN_PASSWORD_LENGTH)
    throw invalid({ path, message: `must have at least ${MIN_PASSWORD_LENGTH} characters` })
  if (length > MAX_PASSWORD_LENGTH)
    throw invalid({ path, message: `must have at most ${MAX_PASSWORD_LENGTH} characters` })
  const guess = comparable(password)
  if (guess === '') throw invalid({ path, message: 'must have characters that can be seen' })
  common ??= new Set(COMMON_PASSWORDS.split(' ').map(comparable))
  if (common.has(guess)) throw invalid({ path, message: 'is among the passwords that are tried first' })
  if (ownWords(owner).includes(guess)) throw invalid({ path, message: 'must not be the e-mail address or the name' })
}

/** Upper case, width, blanks and what cannot be seen make no other guess. */
const comparable = (text: string) =>
  text
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/[\s\p{C}]/gu, '')

function ownWords({ email, name }: PasswordOwner): string[] {
  const at = email.lastIndexOf('@')
  return [email, email.slice(0, at), email.slice(at + 1), name].map(comparable)
}
