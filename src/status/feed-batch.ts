import { type StatusChange, toEvent } from '../../packages/guard/src/event-stream.ts'

/** A message of the feed. */
export type FeedMessage =
  | { kind: 'status'; change: StatusChange }
  /** Everything up to this sequence number has been sent; sent at an interval. */
  | { kind: 'heartbeat'; sequence: number }
  /** The missed changes are no longer available: the reader must load the lists and continue from here. */
  | { kind: 'reload'; sequence: number }
  /** All revoked signing keys: everything signed by one of them is invalid. */
  | { kind: 'keys'; sequence: number; revoked: readonly string[] }

/** Messages that are sent together, to one reader or to many. They are serialized once. */
export class FeedBatch {
  readonly messages: readonly FeedMessage[]
  #text: string | undefined
  #chunk: Buffer | undefined

  constructor(messages: readonly FeedMessage[]) {
    this.messages = messages
  }

  /** Server-sent events (HTML Standard §9.2). */
  get text(): string {
    this.#text ??= this.messages.map(toText).join('')
    return this.#text
  }

  /** The text as a chunk of a chunked response (RFC 9112 §7.1). */
  get chunk(): Buffer {
    this.#chunk ??= Buffer.from(`${Buffer.byteLength(this.text).toString(16)}\r\n${this.text}\r\n`)
    return this.#chunk
  }
}

function toText(message: FeedMessage): string {
  if (message.kind === 'status') return toEvent('status', message.change)
  const { kind, ...body } = message
  return toEvent(kind, body)
}
