/**
 * A map of the most recently used entries, `max` at most. It has two generations: when the young one contains half of `max`,
 * it replaces the old one, and entries that were not used meanwhile are evicted. A look-up of a young entry writes nothing,
 * while a linked list would write to four places in memory; the look-up runs on every request.
 * Other caches use `quick-lru`, which allocates an object for each entry; this one has hundreds of thousands.
 */
export class LruCache<K, V> {
  readonly #generation: number
  #young = new Map<K, V>()
  #old = new Map<K, V>()

  /** @param max the maximum number of entries, at least two */
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

  /** An entry that was used again after it moved to the old generation appears twice, once with its old value. */
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
