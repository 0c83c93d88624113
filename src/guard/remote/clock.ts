/** The issuer's time, in milliseconds since the epoch. */
export interface Clock {
  now(): number
  /** The issuer said what time it is there. @param seconds the resolution of what it said */
  hear(date: number): void
}

/** A difference that a `Date` header's whole seconds and the way here explain is none. */
const TOLERATED_MS = 2_000

/**
 * Tokens are checked against the clock of whoever issued them: a resource server whose own clock is wrong neither
 * refuses good tokens nor accepts expired ones. Between two answers time is counted by a clock that nobody sets.
 */
export function createClock(): Clock {
  let base: { date: number; at: number } | undefined
  const now = () => (base ? base.date + performance.now() - base.at : Date.now())
  return {
    now,
    hear(date) {
      if (Number.isFinite(date) && Math.abs(date - now()) > TOLERATED_MS) base = { date, at: performance.now() }
    },
  }
}
