import { type FeedClient, followFeed } from './feed.ts'
import type { Credentials } from './http.ts'
import type { IntrospectionCache } from './introspection-cache.ts'
import type { IssuerClient } from './issuer.ts'
import type { Monitor } from './monitor.ts'
import type { OpaqueTexts } from './opaque.ts'
import type { RemoteStatusLists } from './status-lists.ts'

/** Milliseconds without a heartbeat after which the feed counts as lost. The issuer sends one every 250 ms. */
const FEED_TIMEOUT_MS = 1_000

/** The issuer and its feed's credentials, and the caches that events update. */
export interface FollowOptions {
  issuer: IssuerClient
  credentials: Credentials
  monitor: Monitor
  statusLists: RemoteStatusLists
  introspectionCache: IntrospectionCache
  opaque: OpaqueTexts
}

/** The connection of a guard to the issuer's event feed, if the guard follows it. */
export class FeedConnection {
  #client: FeedClient | undefined
  #lastAliveAt = Number.NEGATIVE_INFINITY
  /** False at an issuer without a feed. */
  #isOffered = true

  /** Whether the feed is connected and every event up to the last heartbeat was received. */
  readonly isAlive = (): boolean => performance.now() - this.#lastAliveAt <= FEED_TIMEOUT_MS

  /** Follows the feed until `close`. Call it once. */
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
        // Another node may have accepted the connection, or a restarted one with other settings.
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

  /** The sequence number of the last event received; undefined before the first one and without a feed. */
  get position(): number | undefined {
    return this.#client?.position
  }

  /** null when the guard does not follow the feed. */
  get state(): 'live' | 'lost' | null {
    if (!this.#client) return null
    return this.isAlive() ? 'live' : 'lost'
  }

  /** Whether the first event was received, or there is no feed to follow. */
  get hasStarted(): boolean {
    return !this.#client || !this.#isOffered || this.isAlive() || this.position !== undefined
  }

  /** Whether the guard follows the feed and the connection is lost. */
  get isLost(): boolean {
    return this.#isOffered && this.state === 'lost'
  }

  /** Resolves with the first event, or at once without a feed. @throws PosternError `issuer_refused`, a permanent refusal */
  async started(): Promise<void> {
    await this.#client?.started()
  }

  async close(): Promise<void> {
    await this.#client?.close()
  }
}
