import { hash } from '@node-rs/argon2'
import { invalid } from '../errors/errors.ts'
import { newSecret } from '../security/secrets.ts'
import { COMMON_PASSWORDS } from './common-passwords.ts'
import { COST, hashByOthers, isWeakHash, kindOf, matchesHash } from './password-hashes.ts'

export const MIN_PASSWORD_LENGTH = 8
/** In bytes of UTF-8. */
const MAX_PASSWORD_BYTES = 1_024

/**
 * Normalizes a password to NFC, since keyboards and systems send the same characters composed or decomposed
 * (RFC 8265 §4.2). Case, width and blanks are significant.
 */
export const normalizePassword = (password: string): string => password.normalize('NFC')

export function hashPassword(password: string): Promise<string> {
  return hash(normalizePassword(password), COST)
}

let unusable: Promise<string> | undefined

/** The hash of a password that nobody knows, for users who have none and in place of unknown ones. One serves them all. */
export const unusableHash = (): Promise<string> => (unusable ??= hashPassword(newSecret()))

/** What a comparison has to know of the other hashes. */
export interface MatchOptions {
  /** The kinds of hashes that users have: a wrong password takes the time of each, so that it tells nothing of the user. */
  kinds?: readonly string[]
  /** What Devise appended to passwords before it hashed them. */
  pepper?: string | undefined
}

/**
 * Whether a password matches a hash. Without a hash, for an unknown user, it takes the same time and returns false.
 * @returns `outdated` if the hash is of an unnormalized form, stored by an earlier version, or weak, as another system stores
 *   it. Hash the password again then
 */
export async function passwordMatches(
  passwordHash: string | undefined,
  password: string,
  { kinds = [], pepper }: MatchOptions = {},
): Promise<boolean | 'outdated'> {
  const normal = normalizePassword(password)
  const unusable = await unusableHash()
  const hash = passwordHash ?? unusable
  const all = new Set([kindOf(unusable) as string, ...kinds])
  for (const form of new Set([normal, password, password.normalize('NFD')])) {
    const matches = await matchesHash(hash, form, pepper)
    if (matches && passwordHash !== undefined) return (form === normal && !isWeakHash(hash)) || 'outdated'
    await hashByOthers(kinds.length > 0 ? all : [], hash, form, pepper)
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
 * Validates a new password. The length is in characters of the normal form, and in bytes of it.
 * @throws 422 if it is too short or too long, a common password, only blanks, or the user's address or name (OWASP ASVS 6.2)
 */
export function checkNewPassword(password: string, owner: PasswordOwner, path = 'password'): void {
  const normal = normalizePassword(password)
  if ([...normal].length < MIN_PASSWORD_LENGTH)
    throw invalid({ path, message: `must have at least ${MIN_PASSWORD_LENGTH} characters` })
  if (Buffer.byteLength(normal) > MAX_PASSWORD_BYTES)
    throw invalid({ path, message: `must have at most ${MAX_PASSWORD_BYTES} bytes` })
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
