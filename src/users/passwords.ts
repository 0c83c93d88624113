import { hash, verify } from '@node-rs/argon2'
import { invalid } from '../errors.ts'

/** OWASP's first choice for argon2id: 19 MiB, two passes, one lane; about 6 ms. */
const COST = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const

export const SHORTEST_PASSWORD = 8
export const LONGEST_PASSWORD = 256

let decoy: Promise<string> | undefined

export function hashPassword(password: string): Promise<string> {
  return hash(password, COST)
}

/**
 * Whether the password is the one that was hashed. Without a hash, for a user that does not exist, it takes the same
 * time and says no.
 */
export async function passwordMatches(passwordHash: string | undefined, password: string): Promise<boolean> {
  decoy ??= hashPassword('there is no such user')
  const matches = await verify(passwordHash ?? (await decoy), password)
  return matches && passwordHash !== undefined
}

/** @throws 422 when a new password is too short or too long (OWASP ASVS 6.2) */
export function checkNewPassword(password: string, path = 'password'): void {
  const length = [...password].length
  if (length < SHORTEST_PASSWORD) throw invalid({ path, message: `must have at least ${SHORTEST_PASSWORD} characters` })
  if (length > LONGEST_PASSWORD) throw invalid({ path, message: `must have at most ${LONGEST_PASSWORD} characters` })
}
