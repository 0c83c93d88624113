import { randomFillSync } from 'node:crypto'
import { v7 } from 'uuid'

/** Bytes of an id. */
const SIZE = 16
/** Random bytes for 256 ids: one call for all is faster than a call per id. Ids are not secret. */
const drawn = new Uint8Array(256 * SIZE)
let used = drawn.length
/** The time of the latest id, in milliseconds since the epoch, and its sequence number within that millisecond. */
let msecs = 0
let seq = 0

/** Generates the id of a new row: a UUIDv7 (RFC 9562 §5.7), greater than all previous ones of this process. */
export function newId(): string {
  const random = draw()
  const now = Date.now()
  if (now > msecs) {
    msecs = now
    // The start value is in the lowest quarter, which leaves room for further ids of the same millisecond.
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
