import { hash } from 'node:crypto'

/** Ids of a source that were seen: of millions, in a few megabytes. */
export class IdSet {
  readonly #numbers = new NumberSet()
  readonly #texts = new TextSet()

  /** @returns whether it was not in the set */
  add(id: string): boolean {
    const number = toNumber(id)
    return number === undefined ? this.#texts.add(id) : this.#numbers.add(number)
  }

  has(id: string): boolean {
    const number = toNumber(id)
    return number === undefined ? this.#texts.has(id) : this.#numbers.has(number)
  }
}

/** 16,384 ids in a block of two kilobytes. */
const BLOCK_BITS = 14
const BLOCK_MASK = 2 ** BLOCK_BITS - 1
const BLOCK_BYTES = 2 ** (BLOCK_BITS - 3)

const toNumber = (id: string) => (/^[1-9]\d{0,8}$/.test(id) ? Number(id) : undefined)

/** Ids of Sanctum and Doorkeeper are numbers without large gaps, so a million of them take an eighth of a megabyte. */
class NumberSet {
  readonly #blocks = new Map<number, Uint8Array>()

  add(number: number): boolean {
    const block = this.#blocks.get(number >>> BLOCK_BITS) ?? new Uint8Array(BLOCK_BYTES)
    this.#blocks.set(number >>> BLOCK_BITS, block)
    const bit = number & BLOCK_MASK
    const before = block[bit >>> 3] as number
    block[bit >>> 3] = before | (1 << (bit & 7))
    return block[bit >>> 3] !== before
  }

  has(number: number): boolean {
    const bit = number & BLOCK_MASK
    return ((this.#blocks.get(number >>> BLOCK_BITS)?.[bit >>> 3] ?? 0) & (1 << (bit & 7))) !== 0
  }
}

const FIRST_SLOTS = 1_024

/**
 * The first 64 bits of the SHA-256 of each id, in an array that is at most half full (open addressing). Of a million ids, two
 * have the same bits with a probability of one to 37 million; then one that was deleted, or another one,
 * would count as seen.
 */
class TextSet {
  #slots = new BigUint64Array(FIRST_SLOTS)
  #size = 0

  add(id: string): boolean {
    if (this.#size * 2 >= this.#slots.length) this.#grow()
    return this.#put(bitsOf(id))
  }

  has(id: string): boolean {
    const bits = bitsOf(id)
    return this.#slots[this.#find(bits)] === bits
  }

  #put(bits: bigint): boolean {
    const slot = this.#find(bits)
    if (this.#slots[slot] === bits) return false
    this.#size++
    this.#slots[slot] = bits
    return true
  }

  /** The slot that contains the bits, or the empty one that they belong to. */
  #find(bits: bigint): number {
    const mask = this.#slots.length - 1
    let slot = Number(bits & 0xffff_ffffn) & mask
    while (this.#slots[slot] !== 0n && this.#slots[slot] !== bits) slot = (slot + 1) & mask
    return slot
  }

  #grow(): void {
    const old = this.#slots
    this.#slots = new BigUint64Array(old.length * 2)
    this.#size = 0
    for (const bits of old) if (bits !== 0n) this.#put(bits)
  }
}

/** Not 0, which stands for an empty slot. */
const bitsOf = (id: string) => hash('sha256', id, 'buffer').readBigUInt64LE() || 1n
