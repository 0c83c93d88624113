import { unavailable } from '../errors/errors.ts'

/**
 * Waits for work with a timeout, since it may need a resource that the caller holds, such as a connection.
 * @param timeoutMs milliseconds
 * @param timeoutError what to throw when it takes longer; default: 503
 * @throws the error of the work, or `timeoutError`. The work itself is not cancelled.
 */
export function withTimeout<T>(
  work: Promise<T>,
  timeoutMs: number,
  timeoutError: () => Error = unavailable,
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const timer = setTimeout(() => reject(timeoutError()), timeoutMs).unref()
  work.then(resolve, reject).finally(() => clearTimeout(timer))
  return promise
}
