import { type IncomingMessage, request as plainRequest } from 'node:http'
import { request as secureRequest } from 'node:https'
import { createParser, type EventSourceMessage } from 'eventsource-parser'

/** The maximum length of one event, in characters. */
const MAX_EVENT_LENGTH = 65_536

export interface EventSourceOptions {
  url: string
  headers: Record<string, string>
  /** Closes the connection. */
  signal: AbortSignal
  /** Milliseconds without data after which the connection is closed. */
  idleTimeoutMs: number
  /** Called with the response before it is read. Throws for a status that is not acceptable. */
  onResponse: (response: IncomingMessage) => void
  onEvent: (event: EventSourceMessage) => void
}

/**
 * Reads one connection of an event stream (HTML Standard §9.2), until the server ends it.
 * @throws Error when it is lost or idle
 */
export async function readEvents(options: EventSourceOptions): Promise<void> {
  const { url, headers, signal, idleTimeoutMs, onResponse, onEvent } = options
  const idle = new AbortController()
  let timer = setTimeout(() => idle.abort(), idleTimeoutMs)
  try {
    const response = await openStream(url, headers, AbortSignal.any([signal, idle.signal]))
    onResponse(response)
    for await (const events of parseEvents(response)) {
      clearTimeout(timer)
      timer = setTimeout(() => idle.abort(), idleTimeoutMs)
      events.forEach(onEvent)
    }
  } finally {
    clearTimeout(timer)
    idle.abort()
  }
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
