import { PosternError } from '../errors/errors.ts'
import { invalidClient } from '../errors/protocol.ts'
import { FetchError } from '../fetch/error.ts'

/** That this server is busy says nothing about the document, and anybody can cause it. */
const isBusy = (error: unknown): error is FetchError => error instanceof FetchError && error.reason === 'busy'

/** Whether an error says that the document cannot be had, or is not one. */
export const isUnusable = (error: unknown): error is Error =>
  (error instanceof FetchError && !isBusy(error)) || (error instanceof PosternError && error.status === 422)

/**
 * The error of a request that needed a document of a client.
 * @param what the document, as the subject of a sentence
 * @returns 401 `invalid_client` if the document cannot be used; 503 while the server fetches too many; else the error itself
 */
export function toClientError(error: unknown, what: string): unknown {
  if (isUnusable(error)) return invalidClient(`${what} cannot be used. ${error.message}`, error)
  if (!isBusy(error)) return error
  return new PosternError({
    status: 503,
    code: 'temporarily_unavailable',
    detail: error.message,
    headers: { 'retry-after': '5' },
    cause: error,
  })
}
