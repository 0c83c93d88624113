import type { Status } from './status-bits.ts'

/** A status change of one token, as the event feed sends it. */
export interface StatusChange {
  sequence: number
  list: number
  index: number
  status: Status
}

/** The content type of the event feed: server-sent events (HTML Standard §9.2). */
export const EVENT_STREAM = 'text/event-stream; charset=utf-8'

/** Serializes an event of the feed. A client resumes after it by sending its sequence number as `Last-Event-ID`. */
export const toEvent = (kind: string, body: { sequence: number }) =>
  `id: ${body.sequence}\nevent: ${kind}\ndata: ${JSON.stringify(body)}\n\n`
