import { invalidToken } from '../errors.ts'
import type { Token } from '../token.ts'

/** The current time for checking tokens. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /**
   * Records the time at which the issuer signed something, as a lower bound of the current time.
   * @param date milliseconds since the epoch
   * @returns false when the time is too far ahead of this machine's clock
   */
  signed(date: number): boolean
}

/** A clock that is further behind has to be corrected by the operator. */
export const MAX_CORRECTION_MS = 300_000

/**
 * The time of this machine. Response headers are ignored because they are not signed: an old `Date` or `Age` would make
 * expired tokens valid again. A signed time is a lower bound of the current time, so it moves the time forward only, and by
 * `MAX_CORRECTION_MS` at most. A monotonic clock advances it from then on, so that setting this machine's clock back makes
 * no expired token valid again.
 */
export function createClock(): Clock {
  let lowerBound = Number.NEGATIVE_INFINITY
  let recordedAt = 0
  const atLeast = () => lowerBound + performance.now() - recordedAt
  return {
    now: () => Math.max(Date.now(), atLeast()),
    signed(date) {
      if (!(date - Date.now() <= MAX_CORRECTION_MS)) return false
      if (date > atLeast()) {
        lowerBound = date
        recordedAt = performance.now()
      }
      return true
    },
  }
}

/**
 * Returns the token of a cache entry whose `expires` is in seconds since the epoch.
 * @throws PosternError 401 for a token that has expired
 */
export function assertNotExpired({ token, expires }: { token: Token; expires: number }, clock: Clock): Token {
  if (expires > clock.now() / 1_000) return token
  throw invalidToken('The access token has expired.')
}
