import { createRequire } from 'node:module'
import { isIPv6 } from 'node:net'
import type { Redis } from 'ioredis'
import { type RateLimiterAbstract, RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'
import { raise, tooManyAttempts, tooManyRequests } from '../errors/errors.ts'
import { mappedIPv4, type Peer } from '../http/forwarded.ts'
import type { RateLimit } from '../http/rate-limit.ts'
import { type Attempt, type Attempts, createAttempts } from './attempts.ts'

const WINDOW_SECONDS = 15 * 60
/** The factor by which the limit is higher where many clients share an address. */
const SHARED_FACTOR = 20

/**
 * Requests do not wait for Redis: when it is unavailable, or does not respond in time (milliseconds), limits are counted in
 * memory. A command whose connection broke is not repeated, because Redis may have executed it.
 */
const REDIS = { maxRetriesPerRequest: 0, enableOfflineQueue: false, socketTimeout: 1_000 }

export function connectRedis(url: string | undefined): Redis | undefined {
  if (!url) return undefined
  // Loaded by its first use: most deployments have no Redis.
  const { Redis } = createRequire(import.meta.url)('ioredis') as typeof import('ioredis')
  const redis = new Redis(url, REDIS)
  redis.on('error', () => {})
  return redis
}

/** Counts up to `points` for each key in a window, 15 minutes by default; in memory without Redis, and while it is unavailable. */
export function createLimiter(
  redis: Redis | undefined,
  keyPrefix: string,
  points: number,
  duration = WINDOW_SECONDS,
): RateLimiterAbstract {
  const options = { keyPrefix, points, duration }
  const memory = new RateLimiterMemory(options)
  return redis ? new RateLimiterRedis({ ...options, storeClient: redis, insuranceLimiter: memory }) : memory
}

/**
 * Counts a request.
 * @param tooMany makes the error of the seconds until the next request is accepted
 */
export const consumeFrom = (
  limiter: RateLimiterAbstract,
  key: string,
  tooMany: (seconds: number) => Error,
): Promise<RateLimiterRes> =>
  limiter
    .consume(key)
    .catch(refusal => raise(refusal instanceof RateLimiterRes ? tooMany(refusal.msBeforeNext / 1000) : refusal))

/** A limit whose count an attempt increases before it begins, and decreases unless it fails. */
export interface Limit extends Attempt {
  attempts: Attempts
}

/** A limit for each address, which is higher where many clients share one. */
export interface AddressLimit {
  /** @throws 429 with `Retry-After` */
  limitFor(peer: Peer): Promise<Limit>
  /** Counts a request. @returns what is left. @throws 429 with `Retry-After` */
  consume(peer: Peer): Promise<RateLimit>
}

/** @param seconds the window; default: 15 minutes */
export function createAddressLimit(
  redis: Redis | undefined,
  keyPrefix: string,
  points: number,
  seconds?: number,
): AddressLimit {
  const alone = createLimiter(redis, keyPrefix, points, seconds)
  const shared = createLimiter(redis, `${keyPrefix}:shared`, points * SHARED_FACTOR, seconds)
  const attempts = { alone: createAttempts(alone), shared: createAttempts(shared) }

  /** A client that sends proxy headers only after it has reached the limit without them is no proxy. */
  async function usedWithout(key: string): Promise<RateLimiterRes | undefined> {
    const used = await alone.get(key)
    return used && used.consumedPoints >= points ? used : undefined
  }

  return {
    async limitFor(peer) {
      const key = networkOf(peer.address)
      if (!peer.shared) return { attempts: attempts.alone, key }
      const used = await usedWithout(key)
      if (used) throw tooManyAttempts(used.msBeforeNext / 1000)
      return { attempts: attempts.shared, key }
    },
    async consume(peer) {
      const key = networkOf(peer.address)
      const used = peer.shared ? await usedWithout(key) : undefined
      if (used) throw tooManyRequests(used.msBeforeNext / 1000)
      const limiter = peer.shared ? shared : alone
      const { remainingPoints, msBeforeNext } = await consumeFrom(limiter, key, tooManyRequests)
      return {
        name: 'requests',
        limit: limiter.points,
        windowSeconds: limiter.duration,
        remaining: Math.max(0, remainingPoints),
        resetSeconds: Math.ceil(msBeforeNext / 1000),
      }
    },
  }
}

/** Counts a failure for each limit before an attempt, and subtracts it unless `verify` returned undefined. */
export async function withLimits<T>(limits: Limit[], verify: () => Promise<T | undefined>): Promise<T | undefined> {
  const releases: ((failed: boolean) => Promise<void>)[] = []
  // A rejected attempt or an error is not a wrong password.
  let failed = false
  try {
    for (const { attempts, ...attempt } of limits) releases.push(await attempts.reserve(attempt))
    const result = await verify()
    failed = result === undefined
    return result
  } finally {
    await Promise.all(releases.map(release => release(failed)))
  }
}

/** The network that counts as one address: an IPv6 host usually has a whole /64. */
export function networkOf(address: string): string {
  return prefixOf(address, 4)
}

/** @param groups of 16 bits that are kept of an IPv6 address. IPv4 is returned as it is. */
function prefixOf(address: string, groups: number): string {
  if (!isIPv6(address)) return address
  const mapped = mappedIPv4(address)
  if (mapped) return mapped
  const [head = '', tail] = address.split('::')
  const start = head.split(':').filter(Boolean)
  const end = tail === undefined ? [] : tail.split(':').filter(Boolean)
  const all = tail === undefined ? start : [...start, ...Array(8 - start.length - end.length).fill('0'), ...end]
  return `${all
    .slice(0, groups)
    .map(g => g.replace(/^0+(?=.)/, ''))
    .join(':')}::/${groups * 16}`
}

/**
 * The network by which failures of one user are counted: an IPv4 /24, or an IPv6 /48, since one customer may have that
 * much (RFC 6177) and could use another /64 for each guess.
 */
export const widerNetwork = (address: string): string =>
  prefixOf(address, 3).replace(/^(\d+\.\d+\.\d+)\.\d+$/, '$1.0/24')
