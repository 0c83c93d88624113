import { overloaded } from '../errors/errors.ts'

/** Runs a piece of work, at once or after others. @throws 503 with `Retry-After` if too many are waiting */
export type Limit = <T>(work: () => Promise<T>) => Promise<T>

/**
 * Runs few pieces of work at once, in order: those that occupy a thread of the pool for long would delay all others.
 * @example
 * const limited = createLimit(2, 50)
 * await limited(() => matchesHash(bcrypt, text))
 */
export function createLimit(maxRunning: number, maxWaiting: number): Limit {
  const waiting: (() => void)[] = []
  let running = 0

  return async work => {
    if (running >= maxRunning) {
      if (waiting.length >= maxWaiting) throw overloaded()
      await new Promise<void>(resolve => waiting.push(resolve))
    } else running++
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else running--
    }
  }
}
