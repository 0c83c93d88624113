import { type FeedClient, followFeed } from './feed.ts'
import type { Credentials } from './http.ts'
import type { IntrospectionCache } from './introspection-cache.ts'
import type { IssuerClient } from './issuer.ts'
import type { Monitor } from './monitor.ts'
import type { OpaqueTexts } from './opaque.ts'
import type { RemoteStatusLists } from './status-lists.ts'

/** Milliseconds without a sign of life after which the feed is not relied on. It shows one every quarter of a second. */
const FEED_TIMEOUT_MS = 1_000

/** Who the feed reads for, and what its events change. */
export interface FollowOptions {
  issuer: IssuerClient
  credentials: Credentials
  monitor: Monitor
  statusLists: RemoteStatusLists
  introspectionCache: IntrospectionCache
  opaque: OpaqueTexts
}

/** The issuer's event feed, as far as this guard follows it. */
export class FeedConnection {
  #client: FeedClient | undefined
  #lastAliveAt = Number.NEGATIVE_INFINITY
  /** Other issuers have no feed. */
  #isOffered = true

  /** The feed has shown a sign of life a moment ago, and everything up to then has arrived. */
  readonly isAlive = (): boolean => performance.now() - this.#lastAliveAt <= FEED_TIMEOUT_MS

  /** Follows the feed until `close`; call it once. */
  follow({ issuer, credentials, monitor, statusLists, introspectionCache, opaque }: FollowOptions): void {
    this.#client = followFeed({
      url: async () => {
        const { status_events_endpoint: endpoint } = await issuer.metadata()
        this.#isOffered = endpoint !== undefined
        return endpoint
      },
      credentials,
      listener: {
        started(sequence) {
          statusLists.feedStarted(sequence)
          introspectionCache.clear()
          opaque.clear()
        },
        // Another node, or one that was started again, perhaps with other settings.
        connected: () => issuer.refresh(),
        statusChanged(change) {
          statusLists.apply(change)
          introspectionCache.invalidate(change.list, change.index)
          opaque.clear()
        },
        keysRevoked: issuer.keys.revoke,
        alive: () => {
          this.#lastAliveAt = performance.now()
          statusLists.confirmAt(this.#lastAliveAt)
          monitor.ok('feed')
        },
        failed: error => monitor.failed('feed', error),
      },
    })
  }

  /** The last sequence number that arrived; undefined before the first, and where the feed is not followed. */
  get position(): number | undefined {
    return this.#client?.position
  }

  /** null: not followed. */
  get state(): 'live' | 'lost' | null {
    if (!this.#client) return null
    return this.isAlive() ? 'live' : 'lost'
  }

  /** Nothing is to be waited for: something arrived, or no feed is to be followed. */
  get hasStarted(): boolean {
    return !this.#client || !this.#isOffered || this.isAlive() || this.position !== undefined
  }

  /** It is to be followed, and is not there. */
  get isLost(): boolean {
    return this.#isOffered && this.state === 'lost'
  }

  /** Settles with the first event, and at once where no feed is followed. @throws a refusal that waiting will not mend */
  async started(): Promise<void> {
    await this.#client?.started()
  }

  async close(): Promise<void> {
    await this.#client?.close()
  }
}
