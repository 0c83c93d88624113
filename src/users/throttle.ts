import { hash } from 'node:crypto'
import type { Peer } from '../http/forwarded.ts'
import { createAttempts } from './attempts.ts'
import { normalizeEmail } from './emails.ts'
import { connectRedis, createAddressLimit, createLimiter, type Limit, surroundings, withLimits } from './limits.ts'

/** Failures of one user from one network, or from one browser that it signed in with before, that are not delayed. */
const PER_USER = 10
const PER_ADDRESS = 50
/** Beyond so many failures of one user from all networks, each further one counts for more in its network. */
const PER_USER_EVERYWHERE = 100
const POINTS_UNDER_ATTACK = 5
/** Allowed wrong codes per window, per address and in total. The total limits guessing from many addresses. */
const CODES_PER_ADDRESS = 20
const CODES_IN_TOTAL = 1_000
/** Allowed requests of public clients per address: enough for a company behind one address, too few to fill a disk. */
const UNAUTHENTICATED_PER_ADDRESS = 300

/** Who tries to prove a password, and from where. */
export interface SignInAttempt {
  /** E-mail address as it was typed; all spellings count as one. */
  email: string
  /** Failures from before an operator unlocked the user do not count; null: nobody did, or there is no such user. */
  unlockedAt: Date | null | undefined
  peer: Peer
  /** Id of a browser in which this user signed in before: it has a count of its own. */
  device?: string | undefined
}

/**
 * Limits failed password attempts on every route, wrong user codes, and unauthenticated requests that store something. docs/adr/0050-sign-in-limits.md says why as it does.
 */
export interface Throttle {
  /**
   * Runs one attempt. A failure is reserved before it runs, so that many at once cannot slip by, and given back if it
   * succeeds. Beyond the failures of the user in this network, one attempt at a time runs, after a delay of up to 8 s.
   * @throws 429 with `Retry-After`, without running the attempt, while another is delayed or beyond the limit of the address
   */
  limitSignIn<T>(attempt: SignInAttempt, verify: () => Promise<T | undefined>): Promise<T | undefined>
  /** The same for a code that somebody typed: undefined for a wrong one. Beyond its limits attempts are refused. */
  limitUserCode<T>(peer: Peer, lookUp: () => Promise<T | undefined>): Promise<T | undefined>
  /**
   * Limits requests that store a row until a user acts on it. Only public clients are counted: anyone can use their id,
   * whereas a client that authenticates can be revoked.
   * @throws 429 with `Retry-After`
   */
  limitUnauthenticated(client: { isConfidential(): boolean }, peer: Peer): Promise<void>
  close(): Promise<void>
}

/** @param redisUrl shares the limits among nodes; without it each node has its own limits */
export function createThrottle(redisUrl: string | undefined): Throttle {
  const redis = connectRedis(redisUrl)
  const places = createLimiter(redis, 'sign-in:place', PER_USER)
  const atPlace = createAttempts(places, 'delay')
  const everywhere = createLimiter(redis, 'sign-in:everywhere', PER_USER_EVERYWHERE)
  const addresses = createAddressLimit(redis, 'sign-in:address', PER_ADDRESS)
  const codeAddresses = createAddressLimit(redis, 'code:address', CODES_PER_ADDRESS)
  const codesInTotal = createAttempts(createLimiter(redis, 'code', CODES_IN_TOTAL))
  const unauthenticated = createAddressLimit(redis, 'begin:address', UNAUTHENTICATED_PER_ADDRESS)

  async function limitsFor({ peer, device }: SignInAttempt, user: string, place: string): Promise<Limit[]> {
    if (device !== undefined) return [{ attempts: atPlace, key: place }]
    const total = await everywhere.get(user)
    const points = total && total.consumedPoints >= PER_USER_EVERYWHERE ? POINTS_UNDER_ATTACK : 1
    return [await addresses.limitFor(peer), { attempts: atPlace, key: place, points }]
  }

  return {
    async limitSignIn(attempt, verify) {
      const user = keyOf(normalizeEmail(attempt.email), attempt.unlockedAt?.toISOString())
      const place = keyOf(user, attempt.device ?? surroundings(attempt.peer.address))
      const result = await withLimits(await limitsFor(attempt, user, place), verify)
      if (result !== undefined) await places.delete(place)
      else if (attempt.device === undefined) await everywhere.penalty(user, 1)
      return result
    },
    async limitUserCode(peer, lookUp) {
      return withLimits([await codeAddresses.limitFor(peer), { attempts: codesInTotal, key: 'everywhere' }], lookUp)
    },
    async limitUnauthenticated(client, peer) {
      if (!client.isConfidential()) await unauthenticated.consume(peer)
    },
    close: async () => redis?.disconnect(),
  }
}

/** What was typed is kept for the whole window: as something short, whatever its length, and nobody's address. */
const keyOf = (...parts: (string | undefined)[]): string => hash('sha256', JSON.stringify(parts), 'base64url')
