import { unavailable } from '../errors/errors.ts'

/**
 * Waits for work that may need what this caller holds, such as a connection, and so might never end.
 * @param timeoutMs milliseconds
 * @throws what the work throws; 503 when it takes longer. The work goes on all the same.
 */
export function withTimeout<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const timer = setTimeout(() => reject(unavailable()), timeoutMs).unref()
  work.then(resolve, reject).finally(() => clearTimeout(timer))
  return promise
}
