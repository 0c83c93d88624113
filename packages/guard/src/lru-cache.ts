/**
 * A map that holds the entries used last, and at most `max` of them. It keeps two generations: when the young one holds
 * half of what may be held it becomes the old one, and the old one goes with whatever was not used meanwhile. A look-up
 * writes nothing, where an order of use would write to four places in memory for each: this is asked on every request.
 * Elsewhere `quick-lru` does; it makes an object for each entry, and hundreds of thousands are held here.
 */
export class LruCache<K, V> {
  readonly #generation: number
  #young = new Map<K, V>()
  #old = new Map<K, V>()

  /** @param max entries, two at least */
  constructor(max: number) {
    this.#generation = Math.max(1, Math.floor(max / 2))
  }

  get(key: K): V | undefined {
    return this.#young.get(key) ?? this.#renew(key)
  }

  set(key: K, value: V): void {
    this.#young.set(key, value)
    if (this.#young.size < this.#generation) return
    this.#old = this.#young
    this.#young = new Map()
  }

  delete(key: K): void {
    this.#young.delete(key)
    this.#old.delete(key)
  }

  clear(): void {
    this.#young = new Map()
    this.#old = new Map()
  }

  /** An entry renewed since it grew old comes twice, once as it was. */
  *[Symbol.iterator](): Generator<[K, V]> {
    yield* this.#young
    yield* this.#old
  }

  #renew(key: K): V | undefined {
    const value = this.#old.get(key)
    if (value !== undefined) this.set(key, value)
    return value
  }
}
