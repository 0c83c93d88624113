import { invalidToken } from '../errors.ts'
import { PosternError } from '../postern-error.ts'
import { STATUS } from '../status-bits.ts'
import type { Token } from '../token.ts'
import { assertNotExpired, type Clock } from './clock.ts'
import type { FeedConnection } from './feed-connection.ts'
import type { HttpClient } from './http.ts'
import type { Introspect } from './introspection.ts'
import type { CachedIntrospection, IntrospectionCache } from './introspection-cache.ts'
import type { RemoteStatusLists } from './status-lists.ts'
import { valueWithin } from './timeout.ts'

/** Milliseconds that a check waits for the issuer when it can rely on a cached response. */
const SHORT_WAIT_MS = 500

export interface IntrospectorOptions {
  introspect: Introspect
  cache: IntrospectionCache
  statusLists: RemoteStatusLists
  feed: FeedConnection
  http: Pick<HttpClient, 'slow'>
  clock: Clock
}

/** Introspects tokens, and caches the responses while the event feed confirms that they are current. */
export class Introspector {
  readonly #options: IntrospectorOptions

  constructor(options: IntrospectorOptions) {
    this.#options = options
  }

  /**
   * Returns the token of a cached response, while its status is known to be unchanged.
   * @throws PosternError 401 for a token that has expired
   */
  cached(text: string): Token | undefined {
    const { cache, feed, statusLists, clock } = this.#options
    const introspection = cache.get(text)
    if (!introspection || !feed.isAlive()) return undefined
    const status = statusLists.getFresh(introspection.reference)
    return isUsable(status) ? assertNotExpired(introspection, clock) : undefined
  }

  /**
   * Introspects the token. While the issuer cannot be reached, uses a cached response within `maxStalenessSeconds`.
   * @throws PosternError 401 when the token is not active or is for another audience; 503 when its status is unknown
   */
  async introspect(text: string): Promise<Token> {
    const { http, clock } = this.#options
    const fallback = this.#fallback(text)
    if (!fallback) return this.#introspectNow(text)
    try {
      const token = await valueWithin(this.#introspectNow(text), http.slow ? 0 : SHORT_WAIT_MS)
      return token ?? assertNotExpired(fallback, clock)
    } catch (error) {
      if (error instanceof PosternError && error.status === 503) return assertNotExpired(fallback, clock)
      throw error
    }
  }

  /** A cached response, if a list within `maxStalenessSeconds` confirms its status. */
  #fallback(text: string): CachedIntrospection | undefined {
    const { cache, statusLists } = this.#options
    const introspection = cache.get(text)
    return introspection && isUsable(statusLists.getUsable(introspection.reference)) ? introspection : undefined
  }

  async #introspectNow(text: string): Promise<Token> {
    const { introspect, feed, statusLists, clock } = this.#options
    const position = feed.position
    const { reference, ...introspection } = await introspect(text)
    if (reference && statusLists.remembersRevoked(reference)) throw invalidToken('The access token has been revoked.')
    if (reference) await this.#store(text, { ...introspection, reference }, position)
    return assertNotExpired(introspection, clock)
  }

  async #store(text: string, introspection: CachedIntrospection, position: number | undefined): Promise<void> {
    const { cache, feed, statusLists } = this.#options
    if (!feed.isAlive()) return
    await statusLists.getOrFetch(introspection.reference)
    // An event since the request may be about this token.
    if (feed.isAlive() && feed.position === position) cache.set(text, introspection)
  }
}

const isUsable = (status: number | undefined) => status === STATUS.valid || status === STATUS.changed
