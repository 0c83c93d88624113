import { type IncomingMessage, request as plainRequest } from 'node:http'
import { request as secureRequest } from 'node:https'
import { setTimeout as pause } from 'node:timers/promises'
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import type { StatusChange } from '../event-stream.ts'
import { basicHeader, type Credentials } from './http.ts'
import { REFUSED_PAUSE_MS } from './issuer.ts'
import { httpStatusError, isIssuerRefusal } from './issuer-refusal.ts'

export interface FeedListener {
  /** Called when a connection is established. */
  connected(): void
  /** The feed starts or restarts. It does not send the events up to this sequence number. */
  started(sequence: number): void
  statusChanged(change: StatusChange): void
  /** The ids of all revoked signing keys. */
  keysRevoked(kids: readonly string[]): void
  /** The feed is alive, and every event up to its position was delivered, including those missed while disconnected. */
  alive(): void
  /** A connection failed or was lost. */
  failed(error: unknown): void
}

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
/** The maximum length of one event, in characters. */
const MAX_EVENT_LENGTH = 65_536

/** Follows the event stream, and reconnects after the last event when the connection is lost (HTML Standard §9.2). */
export function followFeed({ url, credentials, listener, idleTimeoutMs = 5_000 }: FeedOptions): FeedClient {
  const closing = new AbortController()
  let started = deferred()
  let refusal: unknown
  let position: number | undefined
  /** This connection has delivered every event that was missed before it. */
  let caughtUp = false

  function handleEvent(event: EventSourceMessage): void {
    const data = JSON.parse(event.data)
    if (!Number.isSafeInteger(data.sequence)) throw new Error('an event of the feed has no sequence number')
    if (event.event === 'keys') {
      listener.keysRevoked(kidsIn(data.revoked))
      return
    }
    if (event.event === 'reload' || position === undefined) {
      listener.started(event.event === 'status' ? data.sequence - 1 : data.sequence)
    }
    position = data.sequence
    if (event.event === 'status') listener.statusChanged(data)
    // Only a heartbeat confirms that every event up to it was sent; an event of the backlog does not.
    if (event.event === 'heartbeat') caughtUp = true
    if (caughtUp) listener.alive()
    refusal = undefined
    started.resolve()
  }

  async function connect(feedUrl: string): Promise<void> {
    const idle = new AbortController()
    caughtUp = false
    let timer = setTimeout(() => idle.abort(), idleTimeoutMs)
    try {
      const headers = {
        ...basicHeader(credentials),
        ...(position !== undefined && { 'last-event-id': String(position) }),
      }
      const signal = AbortSignal.any([closing.signal, idle.signal])
      const response = await openStream(feedUrl, headers, signal)
      if (response.statusCode !== 200) {
        response.destroy()
        throw httpStatusError(feedUrl, Number(response.statusCode), credentials.clientId)
      }
      listener.connected()
      for await (const events of parseEvents(response)) {
        clearTimeout(timer)
        timer = setTimeout(() => idle.abort(), idleTimeoutMs)
        events.forEach(handleEvent)
      }
    } finally {
      clearTimeout(timer)
      idle.abort()
    }
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
      return position
    },
    started: () => (refusal === undefined ? started.promise : Promise.reject(refusal)),
    async close() {
      closing.abort()
      started.resolve()
      await running
    },
  }
}

const kidsIn = (value: unknown) => (Array.isArray(value) ? value.filter(kid => typeof kid === 'string') : [])

/** A promise whose rejection may stay unhandled. */
function deferred() {
  const result = Promise.withResolvers<void>()
  result.promise.catch(() => {})
  return result
}

/**
 * Opens a separate connection, which ends with the signal. `fetch` would replace the connection of an aborted response by an
 * unused one, which delays a shutdown of the issuer. Redirects are not followed.
 */
function openStream(url: string, headers: Record<string, string>, signal: AbortSignal): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const request = url.startsWith('https:') ? secureRequest : plainRequest
  request(url, { headers, signal, agent: false }).on('response', resolve).on('error', reject).end()
  return promise
}

/** Yields the events of each chunk together. */
async function* parseEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<EventSourceMessage[]> {
  const decoder = new TextDecoder()
  let events: EventSourceMessage[] = []
  let failure: Error | undefined
  const parser = createParser({
    maxBufferSize: MAX_EVENT_LENGTH,
    onEvent: event => events.push(event),
    onError: error => {
      // Unknown fields are ignored, as the standard requires.
      if (error.type === 'max-buffer-size-exceeded') failure = error
    },
  })
  for await (const chunk of body) {
    parser.feed(decoder.decode(chunk, { stream: true }))
    if (failure) throw failure
    if (events.length > 0) yield events
    events = []
  }
}
