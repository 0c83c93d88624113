import { hash } from 'node:crypto'

const HALF_BITS = 10
const HALF = 1 << HALF_BITS
const ROUNDS = 4
/** Marks an entry that is not computed yet; no half of a number has this value. */
const UNKNOWN = 0xffff

/** Maps a position to an index. */
export type Permutation = (position: number) => number

/**
 * Maps consecutive positions to pseudorandom indices: a keyed permutation of 0…size-1, so that no index is used twice and
 * an index reveals nothing about its neighbours. It is a Feistel network over 20 bits with cycle walking (Black and Rogaway,
 * "Ciphers with arbitrary finite domains", 2002). The outputs of the round function are cached in 8 KiB, since a half has
 * only 2^10 values and hashing dominates the cost.
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
