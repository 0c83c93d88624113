import { hash } from 'node:crypto'
import type { Redis } from 'ioredis'
import { raise } from '../errors/errors.ts'
import type { Peer } from '../http/forwarded.ts'
import { createAttempts } from './attempts.ts'
import type { KnownDevice } from './device-cookies.ts'
import { normalizeEmail } from './emails.ts'
import { createAddressLimit, createLimiter, type Limit, networkOf, widerNetwork, withLimits } from './limits.ts'

/** Failures of a user from one network, or from one known browser, after which attempts are delayed. */
const PER_USER = 10
const PER_ADDRESS = 50
/** After this many failures of a user from all networks together, a failure counts as several in its network. */
const PER_USER_EVERYWHERE = 100
const POINTS_UNDER_ATTACK = 5
/** Wrong codes of the second factor of a user in a day, in one known browser or in all others together. */
const SECOND_FACTORS_PER_DAY = 100
/** The same in all browsers together: somebody may have cookies of many. */
const SECOND_FACTORS_PER_DAY_IN_TOTAL = 300
const DAY_SECONDS = 86_400

/** Where a password comes from. */
export interface SignInOrigin {
  peer: Peer
  /** A browser in which this user signed in before; its failures are counted separately. */
  device?: KnownDevice | undefined
}

/** A password check: whose, and from where. */
export interface SignInAttempt extends SignInOrigin {
  /** The e-mail address as entered; all spellings count as one. */
  email: string
  /** Failures before an operator unlocked the user do not count; null: not unlocked, or there is no such user. */
  unlockedAt: Date | null | undefined
}

/** Limits of failed sign-ins. The reasons are in docs/adr/0050-sign-in-limits.md and docs/adr/0073-second-factors.md. */
export interface SignInLimits {
  /**
   * Runs one attempt. A failure is counted before it runs, so that concurrent attempts cannot exceed the limit, and
   * subtracted if it succeeds. Above the limit of the user in this network, attempts run one at a time, after a delay of up
   * to 8 s, and the addresses of the network take turns.
   * @param forgets whether this success forgets the failures before it. Default: each does
   * @throws 429 with `Retry-After`, without running the attempt, while another one from the same address is delayed or waits,
   *   while too many addresses wait, or above the limit of the address
   */
  limitSignIn<T>(
    attempt: SignInAttempt,
    verify: () => Promise<T | undefined>,
    forgets?: (result: T) => boolean,
  ): Promise<T | undefined>
  /**
   * The same for a code of the second factor. Only somebody who knows the password gets here, so its failures are also limited
   * for the user, by day: a code has few digits. Failures elsewhere count in a known browser only
   * towards the total of the user.
   * @throws 429 with `Retry-After`
   */
  limitSecondFactor<T>(attempt: SignInAttempt, verify: () => Promise<T | undefined>): Promise<T | undefined>
  /** Counts a wrong code of the user. @returns how many there were in a day, from everywhere */
  countWrongCode(attempt: SignInAttempt): Promise<number>
  /** Runs one check of a passkey, which cannot be guessed: failures are counted by address only. @throws 429 with `Retry-After` */
  limitPasskey<T>(peer: Peer, verify: () => Promise<T>): Promise<T>
}

/** @param redis shares the limits among nodes */
export function createSignInLimits(redis: Redis | undefined): SignInLimits {
  const byNetwork = createLimiter(redis, 'sign-in:place', PER_USER)
  const networkAttempts = createAttempts(byNetwork, createLimiter(redis, 'sign-in:turns', PER_USER))
  const everywhere = createLimiter(redis, 'sign-in:everywhere', PER_USER_EVERYWHERE)
  const addresses = createAddressLimit(redis, 'sign-in:address', PER_ADDRESS)
  const daily = (name: string, points: number) => createAttempts(createLimiter(redis, name, points, DAY_SECONDS))
  const secondFactors = daily('factor:day', SECOND_FACTORS_PER_DAY)
  const wrongCodes = createLimiter(redis, 'factor:wrong', SECOND_FACTORS_PER_DAY_IN_TOTAL, DAY_SECONDS)
  const secondFactorsInTotal = daily('factor:total', SECOND_FACTORS_PER_DAY_IN_TOTAL)

  async function limitsFor({ peer, device }: SignInAttempt, user: string, network: string): Promise<Limit[]> {
    const source = networkOf(peer.address)
    if (device !== undefined) return [{ attempts: networkAttempts, key: network, source }]
    const total = await everywhere.get(user)
    const points = total && total.consumedPoints >= PER_USER_EVERYWHERE ? POINTS_UNDER_ATTACK : 1
    return [await addresses.limitFor(peer), { attempts: networkAttempts, key: network, points, source }]
  }

  async function limitUser<T>(
    attempt: SignInAttempt,
    user: string,
    more: Limit[],
    verify: () => Promise<T | undefined>,
    forgets: (result: T) => boolean = () => true,
  ): Promise<T | undefined> {
    const network = keyOf(user, attempt.device?.id ?? widerNetwork(attempt.peer.address))
    const result = await withLimits([...more, ...(await limitsFor(attempt, user, network))], verify)
    if (result === undefined && attempt.device === undefined) await everywhere.penalty(user, 1)
    if (result !== undefined && forgets(result)) await byNetwork.delete(network)
    return result
  }

  return {
    limitSignIn: (attempt, verify, forgets) => limitUser(attempt, userKey(attempt), [], verify, forgets),
    async limitSecondFactor(attempt, verify) {
      // Not counted with passwords: a right password forgets wrong ones, but not wrong codes.
      const user = keyOf('second factor', userKey(attempt))
      const limits = [
        { attempts: secondFactorsInTotal, key: user },
        { attempts: secondFactors, key: keyOf(user, attempt.device?.id) },
      ]
      return limitUser(attempt, user, limits, verify)
    },
    async countWrongCode(attempt) {
      return (await wrongCodes.penalty(userKey(attempt), 1)).consumedPoints
    },
    async limitPasskey(peer, verify) {
      let refusal: unknown
      const result = await withLimits([await addresses.limitFor(peer)], () =>
        verify().catch(error => {
          if (error?.status !== 401) throw error
          refusal = error
          return undefined
        }),
      )
      return result ?? raise(refusal as Error)
    },
  }
}

const userKey = ({ email, unlockedAt }: SignInAttempt) => keyOf(normalizeEmail(email), unlockedAt?.toISOString())

/** Keys are hashed: they are short whatever was entered, and contain no e-mail address. */
export const keyOf = (...parts: (string | undefined)[]): string => hash('sha256', JSON.stringify(parts), 'base64url')
