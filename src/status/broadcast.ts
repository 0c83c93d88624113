import type { StatusChange } from '../../packages/guard/src/event-stream.ts'
import { FeedBatch } from './feed-batch.ts'

/** A reader that receives changes from its position on. */
export interface BroadcastReader {
  /** The last sequence number that was sent to it. */
  position: number
  /** false: it is sent what it missed first. Nothing that it still needs is forgotten meanwhile. */
  ready: boolean
  send(batch: FeedBatch): void
}

/** The position of a reader that must load the lists. */
const UNKNOWN = -1
/** Readers served before other work of the event loop gets its turn: about 5 ms. */
const READERS_PER_TURN = 500

/**
 * Sends status changes to many readers. Those that lack the same changes receive the same bytes. A pass over all readers may
 * take several turns of the event loop; changes that arrive meanwhile are sent together by the next one.
 */
export class Broadcast<Reader extends BroadcastReader> {
  readonly #readers = new Set<Reader>()
  /** Changes that readers may lack, in their order. */
  #recent: StatusChange[] = []
  /** The sequence number of the last change. */
  #last = 0
  /** Changes up to this sequence number are forgotten. */
  #forgotten = 0
  #batches = new Map<number, FeedBatch>()
  #again = false
  /** The next pass also sends a heartbeat to readers that lack nothing. */
  #heartbeat = false
  #passing = false
  /** Number of starts; sequence numbers of different starts cannot be compared. */
  #starts = 0

  get readers(): ReadonlySet<Reader> {
    return this.#readers
  }

  /** @param reader has every change up to its position, or is sent them before it is ready */
  add(reader: Reader): void {
    if (this.#readers.size === 0) this.#startFrom(reader.position)
    this.#readers.add(reader)
  }

  delete(reader: Reader): void {
    this.#readers.delete(reader)
  }

  /** Sends new changes to all readers. If there are none, they are told that they are up to date. */
  publish(changes: readonly StatusChange[]): void {
    const fresh = changes.filter(({ sequence }) => sequence > this.#last)
    this.#last = Math.max(this.#last, fresh.at(-1)?.sequence ?? 0)
    this.#recent.push(...fresh)
    if (fresh.length === 0) this.#heartbeat = true
    this.#batches.clear()
    this.#pass()
  }

  /** Tells all readers to load the lists and to continue from here: the changes since are unknown. */
  reload(sequence: number): void {
    this.#startFrom(sequence)
    // Not in turns: a reader that is sent later changes first would believe that it missed none.
    const batch = new FeedBatch([{ kind: 'reload', sequence }])
    for (const reader of this.#readers) {
      if (reader.ready) reader.send(batch)
      // The others are told when they are ready.
      reader.position = reader.ready ? sequence : UNKNOWN
    }
  }

  /** Sends a reader what is new since its position. */
  serve(reader: Reader): void {
    if (reader.position < this.#forgotten) {
      reader.position = this.#last
      reader.send(new FeedBatch([{ kind: 'reload', sequence: this.#last }]))
      return
    }
    const batch = this.#since(reader.position)
    reader.position = Math.max(reader.position, this.#last)
    reader.send(batch)
  }

  /** What a reader at this position lacks. */
  #since(position: number): FeedBatch {
    const known = this.#batches.get(position)
    if (known) return known
    const changes = this.#recent.filter(({ sequence }) => sequence > position)
    const messages = changes.map(change => ({ kind: 'status', change }) as const)
    const upToDate = { kind: 'heartbeat', sequence: Math.max(position, this.#last) } as const
    const batch = new FeedBatch(messages.length > 0 ? messages : [upToDate])
    this.#batches.set(position, batch)
    return batch
  }

  #pass(): void {
    if (this.#passing) {
      this.#again = true
      return
    }
    this.#passing = true
    this.#again = false
    const [from, starts, heartbeat] = [this.#last, this.#starts, this.#heartbeat]
    this.#heartbeat = false
    const readers = this.#readers.values()
    const turn = () => {
      for (let served = 0; served < READERS_PER_TURN; served++) {
        const { value: reader, done } = readers.next()
        if (done) return this.#passed(from, starts)
        if (reader.ready && (heartbeat || reader.position < this.#last)) this.serve(reader)
      }
      setImmediate(turn)
    }
    turn()
  }

  /** Every reader that is ready has the changes up to `from`, a sequence number of this start. */
  #passed(from: number, starts: number): void {
    this.#passing = false
    const allReady = [...this.#readers].every(({ ready }) => ready)
    if (allReady && starts === this.#starts) {
      this.#forgotten = from
      this.#recent = this.#recent.filter(({ sequence }) => sequence > from)
      this.#batches.clear()
    }
    if (this.#again) this.#pass()
  }

  #startFrom(sequence: number): void {
    this.#starts++
    this.#last = sequence
    this.#forgotten = sequence
    this.#recent = []
    this.#batches.clear()
  }
}
