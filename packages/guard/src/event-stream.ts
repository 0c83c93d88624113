import type { Status } from './status-bits.ts'

/** One change of one status, as the feed tells it. */
export interface StatusChange {
  sequence: number
  list: number
  index: number
  status: Status
}

/** Of the feed of changes (HTML Standard §9.2, server-sent events). */
export const EVENT_STREAM = 'text/event-stream; charset=utf-8'

/** An event of the feed as it is sent; `Last-Event-ID` resumes after its sequence number. */
export const toEvent = (kind: string, body: { sequence: number }) =>
  `id: ${body.sequence}\nevent: ${kind}\ndata: ${JSON.stringify(body)}\n\n`
