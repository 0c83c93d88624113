import type { EventSourceMessage } from 'eventsource-parser'
import type { StatusChange } from '../event-stream.ts'

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

/** Passes the events of all connections on to the listener, and knows the position in the feed. */
export class FeedEvents {
  /** The sequence number of the last event. */
  position: number | undefined
  /** This connection has delivered every event that was missed before it. */
  #caughtUp = false
  readonly #listener: FeedListener
  readonly #onEvent: () => void

  constructor(listener: FeedListener, onEvent: () => void) {
    this.#listener = listener
    this.#onEvent = onEvent
  }

  /** Call it before each connection. @returns the sequence number after which the connection has to continue */
  connecting(): number | undefined {
    this.#caughtUp = false
    return this.position
  }

  handle({ event, data: text }: EventSourceMessage): void {
    const data = JSON.parse(text)
    if (!Number.isSafeInteger(data.sequence)) throw new Error('an event of the feed has no sequence number')
    if (event === 'keys') {
      this.#listener.keysRevoked(kidsIn(data.revoked))
      return
    }
    if (event === 'reload' || this.position === undefined) {
      this.#listener.started(event === 'status' ? data.sequence - 1 : data.sequence)
    }
    this.position = data.sequence
    if (event === 'status') this.#listener.statusChanged(data)
    // Only a heartbeat confirms that every event up to it was sent; an event of the backlog does not.
    if (event === 'heartbeat') this.#caughtUp = true
    if (this.#caughtUp) this.#listener.alive()
    this.#onEvent()
  }
}

const kidsIn = (value: unknown) => (Array.isArray(value) ? value.filter(kid => typeof kid === 'string') : [])
