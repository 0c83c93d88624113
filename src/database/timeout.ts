import { unavailable } from '../errors/errors.ts'

/**
 * Waits for work with a timeout, since it may need a resource that the caller holds, such as a connection.
 * @param timeoutMs milliseconds
 * @throws the error of the work; 503 when it takes longer. The work itself is not cancelled.
 */
export function withTimeout<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const timer = setTimeout(() => reject(unavailable()), timeoutMs).unref()
  work.then(resolve, reject).finally(() => clearTimeout(timer))
  return promise
}
