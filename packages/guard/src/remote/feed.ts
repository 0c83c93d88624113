import { setTimeout as pause } from 'node:timers/promises'
import { FeedEvents, type FeedListener } from './feed-events.ts'
import { basicHeader, type Credentials } from './http.ts'
import { REFUSED_PAUSE_MS } from './issuer.ts'
import { httpStatusError, isIssuerRefusal } from './issuer-refusal.ts'

export interface FeedClient {
  /** The sequence number of the last delivered event. */
  readonly position: number | undefined
  /**
   * Resolves with the first event, at an issuer without a feed, or when the client is closed.
   * @throws PosternError `issuer_refused`, a permanent refusal
   */
  started(): Promise<void>
  close(): Promise<void>
}

export interface FeedOptions {
  /** The URL of the feed; undefined at an issuer without one. */
  url: () => Promise<string | undefined>
  credentials: Credentials
  listener: FeedListener
  /** Milliseconds without data after which the connection is closed. Default 5,000. */
  idleTimeoutMs?: number
}

const MAX_PAUSE_MS = 2_000

/** Follows the event stream, and reconnects after the last event when the connection is lost (HTML Standard §9.2). */
export function followFeed({ url, credentials, listener, idleTimeoutMs = 5_000 }: FeedOptions): FeedClient {
  const closing = new AbortController()
  let started = deferred()
  let refusal: unknown
  const events = new FeedEvents(listener, () => {
    refusal = undefined
    started.resolve()
  })

  async function connect(feedUrl: string): Promise<void> {
    // Loaded here, because guards without a client do not need the parser and the HTTP modules.
    const { readEvents } = await import('./event-source.ts')
    const lastEventId = events.connecting()
    const resume = lastEventId === undefined ? {} : { 'last-event-id': String(lastEventId) }
    return readEvents({
      url: feedUrl,
      headers: { ...basicHeader(credentials), ...resume },
      signal: closing.signal,
      idleTimeoutMs,
      onEvent: event => events.handle(event),
      onResponse(response) {
        if (response.statusCode === 200) return listener.connected()
        response.destroy()
        throw httpStatusError(feedUrl, Number(response.statusCode), credentials.clientId)
      },
    })
  }

  async function run(): Promise<void> {
    for (let wait = 50; !closing.signal.aborted; wait = Math.min(wait * 2, MAX_PAUSE_MS)) {
      const startedAt = performance.now()
      const refused = await attempt()
      if (performance.now() - startedAt > MAX_PAUSE_MS) wait = 50
      const ms = refused ? REFUSED_PAUSE_MS : wait
      await pause(ms, undefined, { signal: closing.signal, ref: false }).catch(() => {})
    }
  }

  /** Connects once. The caller retries after any failure. @returns whether the issuer refused permanently */
  async function attempt(): Promise<boolean> {
    try {
      const feedUrl = await url()
      if (feedUrl) await connect(feedUrl)
      else started.resolve()
      return false
    } catch (error) {
      if (closing.signal.aborted) return false
      listener.failed(error)
      if (!isIssuerRefusal(error)) return false
      refusal = error
      started.reject(error)
      started = deferred()
      return true
    }
  }

  const running = run()
  return {
    get position() {
      return events.position
    },
    started: () => (refusal === undefined ? started.promise : Promise.reject(refusal)),
    async close() {
      closing.abort()
      started.resolve()
      await running
    },
  }
}

/** A promise whose rejection may stay unhandled. */
function deferred() {
  const result = Promise.withResolvers<void>()
  result.promise.catch(() => {})
  return result
}
