import { invalidToken } from '../errors.ts'
import type { Token } from '../token.ts'

/** The time that tokens are checked against, in milliseconds since the epoch. */
export interface Clock {
  now(): number
  /**
   * Something that the issuer signed names a time that was there: it is that late at least.
   * @param date milliseconds since the epoch
   * @returns whether this machine's time can agree with that
   */
  signed(date: number): boolean
}

/** A machine whose clock is further behind than this has to be mended; what is signed corrects no more. */
export const LARGEST_CORRECTION_MS = 300_000

/**
 * The machine's time. No header of an answer counts, since none is signed: a `Date` or `Age` from before would revive
 * what is over. What the issuer signed proves that it is that late at least; so it moves the time forward only, and not
 * far. From then on it is counted by a clock that nobody sets, so that a machine that is set back revives nothing.
 */
export function createClock(): Clock {
  let proved = Number.NEGATIVE_INFINITY
  let provedAt = 0
  const atLeast = () => proved + performance.now() - provedAt
  return {
    now: () => Math.max(Date.now(), atLeast()),
    signed(date) {
      if (!(date - Date.now() <= LARGEST_CORRECTION_MS)) return false
      if (date > atLeast()) {
        proved = date
        provedAt = performance.now()
      }
      return true
    },
  }
}

/** @param entry `expires` in seconds since the epoch @throws 401 for a token that has expired */
export function assertNotExpired({ token, expires }: { token: Token; expires: number }, clock: Clock): Token {
  if (expires > clock.now() / 1_000) return token
  throw invalidToken('The access token has expired.')
}
