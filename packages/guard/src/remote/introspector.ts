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

/** Milliseconds that a check waits for the issuer where it may go on by what was last known. */
const SHORT_WAIT_MS = 500

export interface IntrospectorOptions {
  introspect: Introspect
  cache: IntrospectionCache
  statusLists: RemoteStatusLists
  feed: FeedConnection
  http: Pick<HttpClient, 'slow'>
  clock: Clock
}

/** Asks the issuer about tokens, and remembers its answers while the feed says that they still hold. */
export class Introspector {
  readonly #options: IntrospectorOptions

  constructor(options: IntrospectorOptions) {
    this.#options = options
  }

  /** An earlier answer, while the status is known to be the one that it was given under. @throws 401 once it expired */
  cached(text: string): Token | undefined {
    const { cache, feed, statusLists, clock } = this.#options
    const introspection = cache.get(text)
    if (!introspection || !feed.isAlive()) return undefined
    const status = statusLists.getFresh(introspection.reference)
    return isUsable(status) ? assertNotExpired(introspection, clock) : undefined
  }

  /**
   * Asks now; while the issuer cannot be asked, goes on by an earlier answer as long as that may be.
   * @throws 401 when the token is not active or not meant for us; 503 when nobody can say
   */
  async ask(text: string): Promise<Token> {
    const { http, clock } = this.#options
    const fallback = this.#fallback(text)
    if (!fallback) return this.#askNow(text)
    try {
      const answer = await valueWithin(this.#askNow(text), http.slow ? 0 : SHORT_WAIT_MS)
      return answer ?? assertNotExpired(fallback, clock)
    } catch (error) {
      if (error instanceof PosternError && error.status === 503) return assertNotExpired(fallback, clock)
      throw error
    }
  }

  /** An earlier answer, by what is still known of its status. */
  #fallback(text: string): CachedIntrospection | undefined {
    const { cache, statusLists } = this.#options
    const introspection = cache.get(text)
    return introspection && isUsable(statusLists.getUsable(introspection.reference)) ? introspection : undefined
  }

  async #askNow(text: string): Promise<Token> {
    const { introspect, feed, clock } = this.#options
    const position = feed.position
    const { reference, ...introspection } = await introspect(text)
    if (reference) await this.#remember(text, { ...introspection, reference }, position)
    return assertNotExpired(introspection, clock)
  }

  async #remember(text: string, introspection: CachedIntrospection, position: number | undefined): Promise<void> {
    const { cache, feed, statusLists } = this.#options
    if (!feed.isAlive()) return
    await statusLists.getOrFetch(introspection.reference)
    // A change that came since it was asked may be one of this token.
    if (feed.isAlive() && feed.position === position) cache.set(text, introspection)
  }
}

const isUsable = (status: number | undefined) => status === STATUS.valid || status === STATUS.changed
