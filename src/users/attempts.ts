import { setTimeout as pause } from 'node:timers/promises'
import { type RateLimiterAbstract, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'
import { tooManyAttempts } from '../errors/errors.ts'
import { createFairQueue, type FairQueue } from './fair-queue.ts'

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
  /** Attempts above the limit, which run one at a time. */
  delayed: FairQueue
}

/** An attempt that is about to start. */
export interface Attempt {
  key: string
  /** How much its failure counts. Default 1. */
  points?: number | undefined
  /** The address that it comes from. Above the limit, the addresses take turns. */
  source?: string | undefined
}

/** An attempt above the limit. */
interface Delayed {
  key: string
  points: number
  source: string
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
   * Reserves one failure for an attempt.
   * @returns a function that finishes the attempt; `false` releases the reservation
   * @throws 429 with `Retry-After` if there were too many failures, not counting reservations; with delays, only while
   *   an attempt from the same address is delayed, or too many others are
   */
  reserve(attempt: Attempt): Promise<(failed: boolean) => Promise<void>>
}

/**
 * @param turns given: attempts above the limit are not rejected but run one at a time after a delay. It counts them for each
 *   address
 */
export function createAttempts(limiter: RateLimiterAbstract, turns?: RateLimiterAbstract): Attempts {
  const states = new Map<string, KeyState>()

  /** @returns whether the attempt may start at once; false: after a delay */
  async function decide(state: KeyState, key: string, points: number): Promise<boolean> {
    for (let retries = 0; ; ) {
      const { finished } = state
      if (state.delayed.busy) return false
      const refusal = await consume(limiter, key, points)
      if (!refusal) {
        state.inFlight++
        return true
      }
      // An attempt that finished in the meantime may have released its reservation.
      if (state.finished !== finished) continue
      if (state.inFlight > 0) {
        await nextFinished(state)
      } else if (isShared(limiter) && Date.now() - state.rejectedAt > REJECTION_TTL_MS && ++retries < MAX_RETRIES) {
        await pause(RETRY_DELAY_MS)
      } else {
        state.rejectedAt = Date.now()
        if (turns) return false
        throw tooManyAttempts(refusal.msBeforeNext / 1000)
      }
    }
  }

  /** Waits for the turn of the address, and then for the delay. @returns a function that ends the turn */
  async function delay(state: KeyState, { key, points, source }: Delayed): Promise<() => void> {
    const counter = JSON.stringify([key, source])
    const endTurn = await state.delayed.enter(source, (await turns?.get(counter))?.consumedPoints ?? 0)
    try {
      // The failures may have been forgotten meanwhile.
      if (!(await consume(limiter, key, points))) return endTurn
      await turns?.penalty(counter, 1)
      const { consumedPoints } = await limiter.penalty(key, points)
      const excess = Math.max(1, Math.ceil((consumedPoints - limiter.points) / points))
      await pause(Math.min(FIRST_DELAY_MS * 2 ** (excess - 1), MAX_DELAY_MS))
      return endTurn
    } catch (error) {
      endTurn()
      throw error
    }
  }

  const release = (state: KeyState, key: string) => void (--state.waiting === 0 && states.delete(key))

  return {
    async reserve({ key, points = 1, source = '' }) {
      const state = states.get(key) ?? newState()
      states.set(key, state)
      state.waiting++
      const decision = state.pendingDecision.then(() => decide(state, key, points))
      state.pendingDecision = decision.catch(() => {})
      let endTurn = () => {}
      try {
        // Not within the decision: those behind it do not wait for the delay.
        if (!(await decision)) {
          endTurn = await delay(state, { key, points, source })
          state.inFlight++
        }
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
          endTurn()
          release(state, key)
        }
      }
    },
  }
}

/** Waits until an attempt in flight has finished. */
const nextFinished = (state: KeyState) =>
  new Promise<void>(resolve => {
    state.onFinished = resolve
  })

const newState = (): KeyState => ({
  pendingDecision: Promise.resolve(),
  waiting: 0,
  inFlight: 0,
  finished: 0,
  onFinished: () => {},
  rejectedAt: Number.NEGATIVE_INFINITY,
  delayed: createFairQueue(() => tooManyAttempts(MAX_DELAY_MS / 1000)),
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
