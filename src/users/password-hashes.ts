import { verify as verifyArgon2 } from '@node-rs/argon2'
import { verify as verifyBcrypt } from '@node-rs/bcrypt'

/** Version, cost from 4 to 31, and salt and hash of 53 characters. */
const BCRYPT = /^\$2[abxy]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53}$/
const ARGON2 =
  /^\$argon2(?:id|i|d)\$v=19\$m=(\d{1,10}),t=(\d{1,10}),p=(\d{1,2})\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{16,86}$/

/** What hashing may cost: for argon2 memory in KiB, and that times iterations; for bcrypt its cost. */
interface Bound {
  memory: number
  work: number
  cost: number
}

/** A sign-in of one user: about a second. Nobody stores more, unless to occupy this server. */
const OF_ONE_USER: Bound = { memory: 2 ** 18, work: 2 ** 20, cost: 14 }
/** Every wrong password: the defaults of PHP and Laravel, which are the highest in use. A rarer hash shows by its time. */
const OF_EVERYBODY: Bound = { memory: 2 ** 17, work: 2 ** 18, cost: 12 }

/** Whether the hash is by bcrypt, in any of the spellings `$2a$`, `$2b$` and `$2y$`, which are the same algorithm. */
function isBcrypt(hash: string): boolean {
  return hash.startsWith('$2')
}

/** OWASP's recommendation for argon2id: 19 MiB, two iterations, one degree of parallelism; about 6 ms. */
export const COST = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const
const ARGON2ID = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=\d+\$/

/** Whether a hash is weaker than those of new passwords: by another algorithm, or with a lower cost. */
export function isWeakHash(hash: string): boolean {
  const [, memory, time] = ARGON2ID.exec(hash) ?? []
  return memory === undefined || Number(memory) < COST.memoryCost || Number(time) < COST.timeCost
}

/** Whether a password can be compared with the hash, in bounded time. */
export const isKnownHash = (hash: string): boolean => isWithin(hash, OF_ONE_USER) === true

/** Whether the form of a hash is known, and it costs more than a sign-in may. */
export const isCostlyHash = (hash: string): boolean => isWithin(hash, OF_ONE_USER) === false

/** @returns undefined for a hash whose form is not known */
function isWithin(hash: string, bound: Bound): boolean | undefined {
  const [, cost] = BCRYPT.exec(hash) ?? []
  if (cost !== undefined) return Number(cost) <= bound.cost
  const [, memory, time] = ARGON2.exec(hash) ?? []
  if (memory === undefined) return undefined
  return Number(memory) <= bound.memory && Number(memory) * Number(time) <= bound.work
}

/**
 * Whether a text matches a stored hash. bcrypt compares 72 bytes at most, as the system did that the hash comes from.
 * @param pepper what Devise appended to passwords before it hashed them; a hash without it may match too
 */
export async function matchesHash(hash: string, text: string, pepper?: string): Promise<boolean> {
  if (!isBcrypt(hash)) return verifyArgon2(hash, text)
  return (pepper !== undefined && (await verifyBcrypt(text + pepper, hash))) || verifyBcrypt(text, hash)
}

/**
 * The algorithm and cost of a hash, as it begins; undefined: not known, or too costly for every wrong password. The spellings
 * of bcrypt are one kind.
 */
export function kindOf(hash: string): string | undefined {
  const [, cost] = /^\$2[abxy]\$(\d\d)\$/.exec(hash) ?? []
  const kind = cost === undefined ? /^\$argon2(?:id|i|d)\$v=19\$[mtp=,\d]+\$/.exec(hash)?.[0] : `$2b$${cost}$`
  return kind !== undefined && isWithin(decoyOf(kind), OF_EVERYBODY) ? kind : undefined
}

/** A hash of a kind that no text has. */
const decoyOf = (kind: string) => kind + (isBcrypt(kind) ? '.'.repeat(53) : `${'A'.repeat(22)}$${'A'.repeat(43)}`)

/** Hashes a text by each of these kinds but that of a hash, with which it was compared before. */
export async function hashByOthers(
  kinds: Iterable<string>,
  hash: string,
  text: string,
  pepper?: string,
): Promise<void> {
  for (const kind of kinds) if (kind !== kindOf(hash)) await matchesHash(decoyOf(kind), text, pepper)
}
