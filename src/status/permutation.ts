import { hash } from 'node:crypto'

const HALF_BITS = 10
const HALF = 1 << HALF_BITS
const ROUNDS = 4
/** No half of a number. */
const UNKNOWN = 0xffff

/** Turns a position into an index. */
export type Permutation = (position: number) => number

/**
 * Turns positions that were counted into indices that look drawn: a keyed permutation of 0…size-1, so that no index
 * comes twice and neighbours tell nothing about each other. A Feistel network over 20 bits, walked until it lands
 * inside (Black and Rogaway, "Ciphers with arbitrary finite domains", 2002). What its rounds come to is remembered, in
 * 8 KiB: there are few halves of a number, and their hashes are the whole cost.
 * @param size at most 2^20
 */
export function createPermutation(key: string, size: number): Permutation {
  const mixed = new Uint16Array(ROUNDS * HALF).fill(UNKNOWN)

  function mix(round: number, right: number): number {
    const at = round * HALF + right
    if (mixed[at] === UNKNOWN) {
      mixed[at] = hash('sha256', `${key} ${round} ${right}`, 'buffer').readUInt16BE(0) & (HALF - 1)
    }
    return mixed[at]!
  }

  function feistel(value: number): number {
    let left = value >> HALF_BITS
    let right = value & (HALF - 1)
    for (let round = 0; round < ROUNDS; round++) {
      const next = left ^ mix(round, right)
      left = right
      right = next
    }
    return (left << HALF_BITS) | right
  }

  return position => {
    let index = position
    do index = feistel(index)
    while (index >= size)
    return index
  }
}
