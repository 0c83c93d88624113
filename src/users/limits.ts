import { isIPv6 } from 'node:net'
import { Redis } from 'ioredis'
import { type RateLimiterAbstract, RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'
import { tooManyAttempts, tooManyRequests } from '../errors/errors.ts'
import { mappedIPv4, type Peer } from '../http/forwarded.ts'
import { type Attempts, createAttempts } from './attempts.ts'

const WINDOW_SECONDS = 15 * 60
/** How much more is let through where many clients share an address. */
const SHARED_FACTOR = 20

/**
 * Nobody waits for a Redis: one that is away, or says nothing for so many milliseconds, is done without. What was asked
 * when it went is not asked again: it may have counted, and a second break would lose the question unanswered.
 */
const REDIS = { maxRetriesPerRequest: 0, enableOfflineQueue: false, socketTimeout: 1_000 }

export function connectRedis(url: string | undefined): Redis | undefined {
  const redis = url ? new Redis(url, REDIS) : undefined
  redis?.on('error', () => {})
  return redis
}

/** Counts up to `points` for each key in a window of 15 minutes; in memory without Redis, and while it is away. */
export function createLimiter(redis: Redis | undefined, keyPrefix: string, points: number): RateLimiterAbstract {
  const options = { keyPrefix, points, duration: WINDOW_SECONDS }
  const memory = new RateLimiterMemory(options)
  return redis ? new RateLimiterRedis({ ...options, storeClient: redis, insuranceLimiter: memory }) : memory
}

/** One failure that an attempt reserves before it begins, and gives back unless it fails. */
export interface Limit {
  attempts: Attempts
  key: string
  points?: number
}

/** A limit for each address, which is higher where many clients share one. */
export interface AddressLimit {
  /** @throws 429 with `Retry-After` */
  limitFor(peer: Peer): Promise<Limit>
  /** Counts a request. @throws 429 with `Retry-After` */
  consume(peer: Peer): Promise<void>
}

export function createAddressLimit(redis: Redis | undefined, keyPrefix: string, points: number): AddressLimit {
  const alone = createLimiter(redis, keyPrefix, points)
  const shared = createLimiter(redis, `${keyPrefix}:shared`, points * SHARED_FACTOR)
  const attempts = { alone: createAttempts(alone), shared: createAttempts(shared) }

  /** Who sends the headers of a proxy only after the limit was reached without them is no proxy. */
  async function usedWithout(key: string): Promise<RateLimiterRes | undefined> {
    const used = await alone.get(key)
    return used && used.consumedPoints >= points ? used : undefined
  }

  return {
    async limitFor(peer) {
      const key = network(peer.address)
      if (!peer.shared) return { attempts: attempts.alone, key }
      const used = await usedWithout(key)
      if (used) throw tooManyAttempts(used.msBeforeNext / 1000)
      return { attempts: attempts.shared, key }
    },
    async consume(peer) {
      const key = network(peer.address)
      try {
        const used = peer.shared ? await usedWithout(key) : undefined
        if (used) throw used
        await (peer.shared ? shared : alone).consume(key)
      } catch (refusal) {
        if (refusal instanceof RateLimiterRes) throw tooManyRequests(refusal.msBeforeNext / 1000)
        throw refusal
      }
    },
  }
}

/** Reserves a failure of each limit before an attempt, and gives it back unless the attempt failed for what was proved. */
export async function withLimits<T>(limits: Limit[], verify: () => Promise<T | undefined>): Promise<T | undefined> {
  const releases: ((failed: boolean) => Promise<void>)[] = []
  // What is refused, or ends with an error, has proved nothing wrong.
  let failed = false
  try {
    for (const { attempts, key, points } of limits) releases.push(await attempts.reserve(key, points))
    const result = await verify()
    failed = result === undefined
    return result
  } finally {
    await Promise.all(releases.map(release => release(failed)))
  }
}

/** The network that counts as one address: an IPv6 host usually has a whole /64. */
export function network(address: string): string {
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
 * The network that failures of one user are counted for: an IPv4 /24, or an IPv6 /48, since one customer may have as much
 * (RFC 6177) and could use another /64 for each guess.
 */
export const surroundings = (address: string): string =>
  prefixOf(address, 3).replace(/^(\d+\.\d+\.\d+)\.\d+$/, '$1.0/24')
