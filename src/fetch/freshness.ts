import type { IncomingHttpHeaders } from 'node:http'
import CachePolicy from 'http-cache-semantics'

/** However short or long the host wants its document to be kept, in seconds. */
const MIN_SECONDS = 60
const MAX_SECONDS = 86_400

/**
 * How long a document is fresh by the headers of its response (RFC 9111 §4.2): from one minute to one day.
 * @returns seconds
 */
export function freshSeconds(headers: IncomingHttpHeaders): number {
  const policy = new CachePolicy({ url: '/', method: 'GET', headers: {} }, { status: 200, headers })
  const seconds = policy.maxAge() - policy.age()
  return Math.min(Math.max(Number.isFinite(seconds) ? seconds : 0, MIN_SECONDS), MAX_SECONDS)
}
