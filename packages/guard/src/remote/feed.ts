import { type IncomingMessage, request as plainRequest } from 'node:http'
import { request as secureRequest } from 'node:https'
import { setTimeout as pause } from 'node:timers/promises'
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import type { StatusChange } from '../event-stream.ts'
import { basicHeader, type Credentials } from './http.ts'
import { REFUSED_PAUSE_MS } from './issuer.ts'
import { httpStatusError, isIssuerRefusal } from './issuer-refusal.ts'

export interface FeedListener {
  /** A connection was made. */
  connected(): void
  /** The feed begins, or begins anew: what was before this sequence number is not told. */
  started(sequence: number): void
  statusChanged(change: StatusChange): void
  /** Ids of the signing keys that were revoked, all of them. */
  keysRevoked(kids: readonly string[]): void
  /** The feed is alive, and everything up to its position has been told: what was missed meanwhile too. */
  alive(): void
  /** A connection could not be made, or was lost. */
  failed(error: unknown): void
}

export interface FeedClient {
  /** The last sequence number that was told. */
  readonly position: number | undefined
  /**
   * Settles with the first that was told, at an issuer without a feed, or when the reader is closed.
   * @throws a refusal that waiting will not mend
   */
  started(): Promise<void>
  close(): Promise<void>
}

export interface FeedOptions {
  url: () => Promise<string | undefined>
  credentials: Credentials
  listener: FeedListener
  /** Milliseconds without a sign of life after which the connection is given up. */
  idleTimeoutMs?: number
}

const MAX_PAUSE_MS = 2_000
/** What one event may be long; a stream without an end of line is not ours. */
const MAX_EVENT_LENGTH = 65_536

/** Follows the event stream for as long as it is open, resuming where it was (HTML Standard §9.2). */
export function followFeed({ url, credentials, listener, idleTimeoutMs = 5_000 }: FeedOptions): FeedClient {
  const closing = new AbortController()
  let started = deferred()
  let refusal: unknown
  let position: number | undefined
  /** This connection has told everything that was missed before it. */
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
    // Only a heartbeat says that everything up to it was told; of a long list of what was missed each part says nothing.
    if (event.event === 'heartbeat') caughtUp = true
    if (caughtUp) listener.alive()
    refusal = undefined
    started.resolve()
  }

  async function connect(from: string): Promise<void> {
    const idle = new AbortController()
    caughtUp = false
    let timer = setTimeout(() => idle.abort(), idleTimeoutMs)
    try {
      const headers = {
        ...basicHeader(credentials),
        ...(position !== undefined && { 'last-event-id': String(position) }),
      }
      const signal = AbortSignal.any([closing.signal, idle.signal])
      const response = await openStream(from, headers, signal)
      if (response.statusCode !== 200) {
        response.destroy()
        throw httpStatusError(from, Number(response.statusCode), credentials.clientId)
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
      const began = performance.now()
      const refused = await attempt()
      if (performance.now() - began > MAX_PAUSE_MS) wait = 50
      const ms = refused ? REFUSED_PAUSE_MS : wait
      await pause(ms, undefined, { signal: closing.signal, ref: false }).catch(() => {})
    }
  }

  /** Whatever goes wrong, it is tried again. @returns whether waiting will not mend it */
  async function attempt(): Promise<boolean> {
    try {
      const from = await url()
      if (from) await connect(from)
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

/** Nobody need wait for it: a rejection that nobody hears is no fault. */
function deferred() {
  const result = Promise.withResolvers<void>()
  result.promise.catch(() => {})
  return result
}

/**
 * On a connection of its own, which ends with the signal: `fetch` makes a new one in the place of one whose answer was
 * broken off, uses it for nothing, and keeps the issuer from closing. No redirect is followed.
 */
function openStream(url: string, headers: Record<string, string>, signal: AbortSignal): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const request = url.startsWith('https:') ? secureRequest : plainRequest
  request(url, { headers, signal, agent: false }).on('response', resolve).on('error', reject).end()
  return promise
}

/** The events of each chunk together. */
async function* parseEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<EventSourceMessage[]> {
  const decoder = new TextDecoder()
  let events: EventSourceMessage[] = []
  let failure: Error | undefined
  const parser = createParser({
    maxBufferSize: MAX_EVENT_LENGTH,
    onEvent: event => events.push(event),
    onError: error => {
      // Lines of fields that nobody knows are passed over, as the standard wants.
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
