import { randomFillSync } from 'node:crypto'
import { v7 } from 'uuid'

/** Bytes of an id, all but its time drawn. */
const SIZE = 16
/** Drawn together: asking for the bytes of one id takes longer than for those of hundreds. They are no secret. */
const drawn = new Uint8Array(256 * SIZE)
let used = drawn.length
/** The latest id's time, in milliseconds since the epoch, and its place among those of that time. */
let msecs = 0
let seq = 0

/** An id of a new row: a UUIDv7 (RFC 9562 §5.7), greater than every one that this process made before. */
export function newId(): string {
  const random = draw()
  const now = Date.now()
  if (now > msecs) {
    msecs = now
    // Drawn from the lower quarter, so that those that follow within the millisecond find room above it.
    seq = ((random[6]! & 0x3f) << 24) | (random[7]! << 16) | (random[8]! << 8) | random[9]!
  } else seq++
  return v7({ random, msecs, seq })
}

function draw(): Uint8Array {
  if (used === drawn.length) {
    randomFillSync(drawn)
    used = 0
  }
  used += SIZE
  return drawn.subarray(used - SIZE, used)
}
