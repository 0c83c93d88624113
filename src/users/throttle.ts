import { hash } from 'node:crypto'
import { isIPv6 } from 'node:net'
import { Redis } from 'ioredis'
import { type RateLimiterAbstract, RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'
import { tooManyRequests } from '../errors/errors.ts'
import { mappedIPv4 } from '../http/forwarded.ts'
import { type Attempts, createAttempts } from './attempts.ts'
import { normalizeEmail } from './emails.ts'

/** Failed attempts let through in a window, for one user and from one address. */
const WINDOW_SECONDS = 15 * 60
const PER_USER = 10
const PER_ADDRESS = 50
/** Wrong codes let through, from one address and from all of them: many addresses guess no better than a few. */
const CODES_PER_ADDRESS = 20
const CODES_IN_TOTAL = 1_000
/** What public clients begin from one address: more than a company behind one address does, too little to fill a disk. */
const UNAUTHENTICATED_PER_ADDRESS = 300

/**
 * Nobody waits for a Redis: one that is away, or says nothing for so many milliseconds, is done without. What was asked
 * when it went is not asked again: it may have counted, and a second break would lose the question unanswered.
 */
const REDIS = { maxRetriesPerRequest: 0, enableOfflineQueue: false, socketTimeout: 1_000 }

/**
 * Limits failed attempts to prove a password, on every way in, and to guess a code that people type; and what is stored
 * for whoever asks.
 */
export interface Throttle {
  /**
   * Runs one attempt. A failure is reserved before it runs, so that many at once cannot slip by, and given back if it
   * succeeds. Attempts beyond what may still fail wait for those under way: what is under way is no failure.
   * @param userKey e-mail address or user id; all spellings of an address count as one
   * @throws 429 with `Retry-After`, without running the attempt
   */
  limitSignIn<T>(userKey: string, address: string, verify: () => Promise<T | undefined>): Promise<T | undefined>
  /** The same for a code that somebody typed: undefined for a wrong one. */
  limitUserCode<T>(address: string, lookUp: () => Promise<T | undefined>): Promise<T | undefined>
  /**
   * Lets a client begin what is stored until somebody answers it. Only a public one is counted: anybody can speak in its
   * name, whereas one that proves who it is can be revoked.
   * @throws 429 with `Retry-After`
   */
  limitUnauthenticated(client: { isConfidential(): boolean }, address: string): Promise<void>
  close(): Promise<void>
}

/** @param redisUrl shares the limits among nodes; without it each counts for itself */
export function createThrottle(redisUrl: string | undefined): Throttle {
  const redis = redisUrl ? new Redis(redisUrl, REDIS) : undefined
  redis?.on('error', () => {})
  const users = limiter(redis, 'sign-in:user', PER_USER)
  const addresses = limiter(redis, 'sign-in:address', PER_ADDRESS)
  const codesByAddress = limiter(redis, 'code:address', CODES_PER_ADDRESS)
  const codes = limiter(redis, 'code', CODES_IN_TOTAL)
  const [atUser, atAddress, codesAtAddress, codesInTotal] = [
    createAttempts(users),
    createAttempts(addresses),
    createAttempts(codesByAddress),
    createAttempts(codes),
  ]
  const unauthenticated = limiter(redis, 'begin:address', UNAUTHENTICATED_PER_ADDRESS)

  return {
    async limitSignIn(userKey, address, verify) {
      // What was typed is kept for the whole window: as something short, whatever its length, and nobody's address.
      const user = hash('sha256', normalizeEmail(userKey), 'base64url')
      const limits: Limit[] = [
        [atAddress, network(address)],
        [atUser, user],
      ]
      const result = await withLimits(limits, verify)
      if (result !== undefined) await users.delete(user)
      return result
    },
    limitUserCode: (address, lookUp) => {
      const limits: Limit[] = [
        [codesAtAddress, network(address)],
        [codesInTotal, 'everywhere'],
      ]
      return withLimits(limits, lookUp)
    },
    async limitUnauthenticated(client, address) {
      if (!client.isConfidential()) await consume(unauthenticated, network(address))
    },
    close: async () => redis?.disconnect(),
  }
}

function limiter(redis: Redis | undefined, keyPrefix: string, points: number): RateLimiterAbstract {
  const options = { keyPrefix, points, duration: WINDOW_SECONDS }
  const memory = new RateLimiterMemory(options)
  return redis ? new RateLimiterRedis({ ...options, storeClient: redis, insuranceLimiter: memory }) : memory
}

type Limit = [attempts: Attempts, key: string]

/** Reserves a failure of each limit before an attempt, and gives it back unless the attempt failed for what was proved. */
async function withLimits<T>(limits: Limit[], verify: () => Promise<T | undefined>): Promise<T | undefined> {
  const releases: ((failed: boolean) => Promise<void>)[] = []
  let failed = true
  try {
    for (const [attempts, key] of limits) releases.push(await attempts.reserve(key))
    const result = await verify().catch(error => {
      failed = false
      throw error
    })
    failed = result === undefined
    return result
  } finally {
    await Promise.all(releases.map(release => release(failed)))
  }
}

async function consume(limits: RateLimiterAbstract, key: string): Promise<void> {
  try {
    await limits.consume(key)
  } catch (refusal) {
    if (refusal instanceof RateLimiterRes) throw tooManyRequests(refusal.msBeforeNext / 1000)
    throw refusal
  }
}

/** Whoever has one IPv6 address has its whole /64. */
export function network(address: string): string {
  if (!isIPv6(address)) return address
  const mapped = mappedIPv4(address)
  if (mapped) return mapped
  const [head = '', tail] = address.split('::')
  const start = head.split(':').filter(Boolean)
  const end = tail === undefined ? [] : tail.split(':').filter(Boolean)
  const groups = tail === undefined ? start : [...start, ...Array(8 - start.length - end.length).fill('0'), ...end]
  return `${groups
    .slice(0, 4)
    .map(g => g.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`
}
