import { hash } from 'node:crypto'

const HALF_BITS = 10
const HALF = 1 << HALF_BITS
const ROUNDS = 4

/**
 * Turns positions that were counted into indices that look drawn: a keyed permutation of 0…size-1, so that no index
 * comes twice and neighbours tell nothing about each other. A Feistel network over 20 bits, walked until it lands
 * inside (Black and Rogaway, "Ciphers with arbitrary finite domains", 2002).
 * @param size at most 2^20
 */
export function permute(key: string, position: number, size: number): number {
  let index = position
  do index = feistel(key, index)
  while (index >= size)
  return index
}

function feistel(key: string, value: number): number {
  let left = value >> HALF_BITS
  let right = value & (HALF - 1)
  for (let round = 0; round < ROUNDS; round++) {
    const mixed = hash('sha256', `${key} ${round} ${right}`, 'buffer').readUInt16BE(0) & (HALF - 1)
    const next = left ^ mixed
    left = right
    right = next
  }
  return (left << HALF_BITS) | right
}
