import { LruCache } from './lru-cache.ts'

/**
 * A cache of verified tokens by their text. A look-up hashes six characters near the end, which are practically random in a
 * signature or a checksum, and then compares the whole text. Hashing seven hundred characters, or storing a second text as
 * the key, would cost more than the rest of a check. Two texts with the same hash evict each other and are verified again.
 */
export class TokenTextCache<V extends { readonly text: string }> {
  readonly #entries: LruCache<number, V>

  /** @param max the maximum number of entries, at least two */
  constructor(max: number) {
    this.#entries = new LruCache(max)
  }

  get(text: string): V | undefined {
    const entry = this.#entries.get(hashCode(text))
    return entry?.text === text ? entry : undefined
  }

  set(value: V): void {
    this.#entries.set(hashCode(value.text), value)
  }

  clear(): void {
    this.#entries.clear()
  }
}

/** Copies the text: a substring of a header keeps the whole header in memory and is slower to compare. */
export const flattenText = (text: string): string => Buffer.from(text, 'latin1').toString('latin1')

/** Omits the last character, which encodes only the remaining bits. The result has 32 bits, so V8 allocates nothing for it. */
function hashCode(text: string): number {
  let number = 0
  for (let i = text.length - 7; i < text.length - 1; i++) number = (number << 5) ^ (number >>> 27) ^ text.charCodeAt(i)
  return number | 0
}
