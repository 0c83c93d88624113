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
}

/** Another node may have attempts under way too: so many times, after so many milliseconds, it is looked at again. */
const MAX_RETRIES = 4
const RETRY_DELAY_MS = 50
/** A key that was refused so lately is refused without another look, in milliseconds. */
const REJECTION_TTL_MS = 1_000

/** Lets as many attempts begin as may still fail; the others wait until those under way have ended. */
export interface Attempts {
  /**
   * Reserves one failure for an attempt that is about to begin.
   * @returns ends the attempt: `false` gives the reservation back
   * @throws 429 with `Retry-After` when the failures, without those that are only reserved, are too many
   */
  reserve(key: string): Promise<(failed: boolean) => Promise<void>>
}

export function createAttempts(limiter: RateLimiterAbstract): Attempts {
  const states = new Map<string, KeyState>()

  async function decide(state: KeyState, key: string): Promise<void> {
    for (let retries = 0; ; ) {
      const { finished } = state
      const refusal = await consume(limiter, key)
      if (!refusal) return void state.inFlight++
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
        throw tooManyAttempts(refusal.msBeforeNext / 1000)
      }
    }
  }

  function release(state: KeyState, key: string): void {
    if (--state.waiting === 0) states.delete(key)
  }

  return {
    async reserve(key) {
      const state = states.get(key) ?? newState()
      states.set(key, state)
      state.waiting++
      const decision = state.pendingDecision.then(() => decide(state, key))
      state.pendingDecision = decision.catch(() => {})
      try {
        await decision
      } catch (error) {
        release(state, key)
        throw error
      }
      return async failed => {
        try {
          if (!failed) await limiter.reward(key)
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
})

const mayBeElsewhere = (limiter: RateLimiterAbstract) => limiter instanceof RateLimiterRedis

/** The library counts what it refuses, too; that is taken back. */
async function consume(limiter: RateLimiterAbstract, key: string): Promise<RateLimiterRes | undefined> {
  try {
    await limiter.consume(key)
    return undefined
  } catch (refusal) {
    if (!(refusal instanceof RateLimiterRes)) throw refusal
    await limiter.reward(key)
    return refusal
  }
}
