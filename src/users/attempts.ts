import { setTimeout as pause } from 'node:timers/promises'
import { type RateLimiterAbstract, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'
import { tooManyAttempts } from '../errors/errors.ts'

/** The attempts on one key that this process knows of. */
interface KeyState {
  /** Decided one after the other, in the order in which they came. */
  pendingDecision: Promise<unknown>
  waiting: number
  inFlight: number
  finished: number
  /** Called when one under way has ended. */
  onFinished: () => void
  rejectedAt: number
  /** Until then no further attempt begins; milliseconds since the epoch. */
  delayedUntil: number
}

/** How long the first attempt beyond the limit is delayed, and any at most, in milliseconds. Each doubles the one before. */
const FIRST_DELAY_MS = 1_000
const MAX_DELAY_MS = 8_000

/** Another node may have attempts under way too: so many times, after so many milliseconds, it is looked at again. */
const MAX_RETRIES = 4
const RETRY_DELAY_MS = 50
/** A key that was refused so lately is refused without another look, in milliseconds. */
const REJECTION_TTL_MS = 1_000

/** Lets as many attempts begin as may still fail; the others wait until those under way have ended. */
export interface Attempts {
  /**
   * Reserves one failure for an attempt that is about to begin.
   * @param points what the failure counts
   * @returns ends the attempt: `false` gives the reservation back
   * @throws 429 with `Retry-After` when the failures, without those that are only reserved, are too many; with delays, only
   * while another attempt is delayed
   */
  reserve(key: string, points?: number): Promise<(failed: boolean) => Promise<void>>
}

/** @param overLimit what happens to attempts beyond the limit: they are refused, or one at a time is made after a delay */
export function createAttempts(limiter: RateLimiterAbstract, overLimit: 'refuse' | 'delay' = 'refuse'): Attempts {
  const states = new Map<string, KeyState>()

  /** @returns milliseconds for which the attempt has to be delayed */
  async function decide(state: KeyState, key: string, points: number): Promise<number> {
    for (let retries = 0; ; ) {
      const { finished } = state
      const remaining = state.delayedUntil - Date.now()
      if (remaining > 0) throw tooManyAttempts(remaining / 1000)
      const refusal = await consume(limiter, key, points)
      if (!refusal) {
        state.inFlight++
        return 0
      }
      // One that ended meanwhile may have given back what was refused.
      if (state.finished !== finished) continue
      if (state.inFlight > 0) {
        await new Promise<void>(resolve => {
          state.onFinished = resolve
        })
      } else if (
        mayBeElsewhere(limiter) &&
        Date.now() - state.rejectedAt > REJECTION_TTL_MS &&
        ++retries < MAX_RETRIES
      ) {
        await pause(RETRY_DELAY_MS)
      } else {
        state.rejectedAt = Date.now()
        if (overLimit === 'delay') return delay(state, key, points)
        throw tooManyAttempts(refusal.msBeforeNext / 1000)
      }
    }
  }

  async function delay(state: KeyState, key: string, points: number): Promise<number> {
    const { consumedPoints } = await limiter.penalty(key, points)
    const excess = Math.max(1, Math.ceil((consumedPoints - limiter.points) / points))
    const ms = Math.min(FIRST_DELAY_MS * 2 ** (excess - 1), MAX_DELAY_MS)
    state.delayedUntil = Date.now() + ms
    state.inFlight++
    return ms
  }

  function release(state: KeyState, key: string): void {
    if (--state.waiting === 0) states.delete(key)
  }

  return {
    async reserve(key, points = 1) {
      const state = states.get(key) ?? newState()
      states.set(key, state)
      state.waiting++
      const decision = state.pendingDecision.then(() => decide(state, key, points))
      state.pendingDecision = decision.catch(() => {})
      try {
        // Not within the decision: those behind it are refused meanwhile, and do not wait.
        const delayMs = await decision
        if (delayMs > 0) await pause(delayMs)
      } catch (error) {
        release(state, key)
        throw error
      }
      return async failed => {
        try {
          if (!failed) await limiter.reward(key, points)
        } finally {
          state.inFlight--
          state.finished++
          state.onFinished()
          release(state, key)
        }
      }
    },
  }
}

const newState = (): KeyState => ({
  pendingDecision: Promise.resolve(),
  waiting: 0,
  inFlight: 0,
  finished: 0,
  onFinished: () => {},
  rejectedAt: Number.NEGATIVE_INFINITY,
  delayedUntil: Number.NEGATIVE_INFINITY,
})

const mayBeElsewhere = (limiter: RateLimiterAbstract) => limiter instanceof RateLimiterRedis

/** The library counts what it refuses, too; that is taken back. */
async function consume(limiter: RateLimiterAbstract, key: string, points: number): Promise<RateLimiterRes | undefined> {
  try {
    await limiter.consume(key, points)
    return undefined
  } catch (refusal) {
    if (!(refusal instanceof RateLimiterRes)) throw refusal
    await limiter.reward(key, points)
    return refusal
  }
}
