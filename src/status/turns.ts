import { setImmediate } from 'node:timers/promises'

/**
 * Spreads work that becomes possible at the same moment over turns of the event loop, so that other requests are answered in
 * between.
 * @returns a function whose promises resolve one per turn, in the order of the calls
 */
export function createTurns(): () => Promise<void> {
  let last: Promise<void> = Promise.resolve()
  return () => {
    last = last.then(() => setImmediate())
    return last
  }
}
