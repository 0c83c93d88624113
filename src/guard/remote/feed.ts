import { type IncomingMessage, request as plainRequest } from 'node:http'
import { request as secureRequest } from 'node:https'
import { setTimeout as pause } from 'node:timers/promises'
import { readEvent, type StatusChange } from '../event-stream.ts'
import { basicHeader, type Credentials } from './http.ts'

export interface FeedListener {
  /** The feed begins, or begins anew: what was before this sequence number is not told. */
  began(sequence: number): void
  changed(change: StatusChange): void
  /** Whatever it was: the feed is alive, and has told all that it knew. */
  alive(): void
}

export interface FeedReader {
  /** The last sequence number that was told. */
  readonly position: number | undefined
  /** Settles with the first that was told, or when the reader is closed. */
  readonly started: Promise<void>
  close(): Promise<void>
}

export interface FeedOptions {
  url: () => Promise<string | undefined>
  credentials: Credentials
  listener: FeedListener
  /** Milliseconds without a sign of life after which the connection is given up. */
  silence?: number
}

const LONGEST_PAUSE = 2_000
/** What one event may be long; a stream without an end of line is not ours. */
const LARGEST_EVENT = 65_536

/** Follows the event stream for as long as it is open, resuming where it was (HTML Standard §9.2). */
export function readFeed({ url, credentials, listener, silence = 5_000 }: FeedOptions): FeedReader {
  const closing = new AbortController()
  const started = Promise.withResolvers<void>()
  let position: number | undefined

  function take(event: Record<string, string>): void {
    const data = JSON.parse(event.data ?? '{}')
    const first = position === undefined
    position = Number(data.sequence)
    if (event.event === 'reload' || (first && event.event === 'heartbeat')) listener.began(position)
    if (event.event === 'status') listener.changed(data)
    started.resolve()
  }

  async function connect(from: string): Promise<void> {
    const quiet = new AbortController()
    let timer = setTimeout(() => quiet.abort(), silence)
    try {
      const headers = {
        ...basicHeader(credentials),
        ...(position !== undefined && { 'last-event-id': String(position) }),
      }
      const signal = AbortSignal.any([closing.signal, quiet.signal])
      const answer = await open(from, headers, signal)
      if (answer.statusCode !== 200) throw new Error(`the feed answered ${answer.statusCode}`)
      for await (const events of parse(answer)) {
        clearTimeout(timer)
        timer = setTimeout(() => quiet.abort(), silence)
        events.forEach(take)
        listener.alive()
      }
    } finally {
      clearTimeout(timer)
      quiet.abort()
    }
  }

  async function run(): Promise<void> {
    for (let wait = 50; !closing.signal.aborted; wait = Math.min(wait * 2, LONGEST_PAUSE)) {
      const began = performance.now()
      try {
        const from = await url()
        if (from) await connect(from)
      } catch {
        // Whatever it was, it is tried again; meanwhile the feed shows no sign of life, which is what counts.
      }
      if (performance.now() - began > LONGEST_PAUSE) wait = 50
      await pause(wait, undefined, { signal: closing.signal, ref: false }).catch(() => {})
    }
  }

  const running = run()
  return {
    get position() {
      return position
    },
    started: started.promise,
    async close() {
      closing.abort()
      started.resolve()
      await running
    },
  }
}

/**
 * On a connection of its own, which ends with the signal: `fetch` makes a new one in the place of one whose answer was
 * broken off, uses it for nothing, and keeps the issuer from closing. No redirect is followed.
 */
function open(url: string, headers: Record<string, string>, signal: AbortSignal): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const request = url.startsWith('https:') ? secureRequest : plainRequest
  request(url, { headers, signal, agent: false }).on('response', resolve).on('error', reject).end()
  return promise
}

/** The events of each chunk together, so that a chunk counts once as a sign of life. */
async function* parse(body: AsyncIterable<Uint8Array>): AsyncGenerator<Record<string, string>[]> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true })
    const events = text.split('\n\n')
    text = events.pop() ?? ''
    if (text.length > LARGEST_EVENT) throw new Error('an event is too long')
    if (events.length > 0) yield events.map(readEvent)
  }
}
