import { setTimeout as pause } from 'node:timers/promises'
import { type RateLimiterAbstract, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'
import { tooManyAttempts } from '../errors/errors.ts'

/** The attempts on a key in this process. */
interface KeyState {
  /** The last pending decision. Decisions are made one after another, in order of arrival. */
  pendingDecision: Promise<unknown>
  waiting: number
  inFlight: number
  finished: number
  /** Called when an attempt in flight has finished. */
  onFinished: () => void
  rejectedAt: number
  /** No further attempt starts before then, in milliseconds since the epoch. */
  delayedUntil: number
}

/** The delay of the first attempt beyond the limit, and the maximum, in milliseconds. The delay doubles each time. */
const FIRST_DELAY_MS = 1_000
const MAX_DELAY_MS = 8_000

/** Another node may have attempts in flight: retries up to this many times, after this many milliseconds each. */
const MAX_RETRIES = 4
const RETRY_DELAY_MS = 50
/** For this many milliseconds after a rejection, further attempts on the key are rejected without retries. */
const REJECTION_TTL_MS = 1_000

/** Starts only as many attempts as may still fail. The others wait until those in flight have finished. */
export interface Attempts {
  /**
   * Reserves one failure for an attempt that is about to start.
   * @param points how much the failure counts
   * @returns a function that finishes the attempt; `false` releases the reservation
   * @throws 429 with `Retry-After` if there were too many failures, not counting reservations; with delays, only while
   *   another attempt is delayed
   */
  reserve(key: string, points?: number): Promise<(failed: boolean) => Promise<void>>
}

/** @param overLimit whether attempts beyond the limit are rejected, or run one at a time after a delay */
export function createAttempts(limiter: RateLimiterAbstract, overLimit: 'refuse' | 'delay' = 'refuse'): Attempts {
  const states = new Map<string, KeyState>()

  /** @returns the delay of the attempt in milliseconds */
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
      // An attempt that finished in the meantime may have released its reservation.
      if (state.finished !== finished) continue
      if (state.inFlight > 0) {
        await new Promise<void>(resolve => {
          state.onFinished = resolve
        })
      } else if (isShared(limiter) && Date.now() - state.rejectedAt > REJECTION_TTL_MS && ++retries < MAX_RETRIES) {
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

const isShared = (limiter: RateLimiterAbstract) => limiter instanceof RateLimiterRedis

/** The library also counts rejected attempts, so a rejection is undone with `reward`. */
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
