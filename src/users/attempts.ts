import { setTimeout as pause } from 'node:timers/promises'
import { type RateLimiterAbstract, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'
import { tooManyAttempts } from '../errors/errors.ts'

/** The attempts on one key that this process knows of. */
interface Gate {
  /** Decided one after the other, in the order in which they came. */
  deciding: Promise<unknown>
  pending: number
  underWay: number
  endings: number
  /** Called when one under way has ended. */
  ended: () => void
  refusedAt: number
}

/** Another node may have attempts under way too: so many times, after so many milliseconds, it is looked at again. */
const LOOKS = 4
const PAUSE_MS = 50
/** A key that was refused so lately is refused without another look, in milliseconds. */
const STAYS_REFUSED_MS = 1_000

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
  const gates = new Map<string, Gate>()

  async function decide(gate: Gate, key: string): Promise<void> {
    for (let looks = 0; ; ) {
      const { endings } = gate
      const refusal = await consume(limiter, key)
      if (!refusal) return void gate.underWay++
      // One that ended meanwhile may have given back what was refused.
      if (gate.endings !== endings) continue
      if (gate.underWay > 0) {
        await new Promise<void>(resolve => {
          gate.ended = resolve
        })
      } else if (mayBeElsewhere(limiter) && Date.now() - gate.refusedAt > STAYS_REFUSED_MS && ++looks < LOOKS) {
        await pause(PAUSE_MS)
      } else {
        gate.refusedAt = Date.now()
        throw tooManyAttempts(refusal.msBeforeNext / 1000)
      }
    }
  }

  function leave(gate: Gate, key: string): void {
    if (--gate.pending === 0) gates.delete(key)
  }

  return {
    async reserve(key) {
      const gate = gates.get(key) ?? open()
      gates.set(key, gate)
      gate.pending++
      const decision = gate.deciding.then(() => decide(gate, key))
      gate.deciding = decision.catch(() => {})
      try {
        await decision
      } catch (error) {
        leave(gate, key)
        throw error
      }
      return async failed => {
        try {
          if (!failed) await limiter.reward(key)
        } finally {
          gate.underWay--
          gate.endings++
          gate.ended()
          leave(gate, key)
        }
      }
    },
  }
}

const open = (): Gate => ({
  deciding: Promise.resolve(),
  pending: 0,
  underWay: 0,
  endings: 0,
  ended: () => {},
  refusedAt: Number.NEGATIVE_INFINITY,
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
