import { LruCache } from './lru-cache.ts'

/**
 * What was found of tokens, found again by their text. A look-up takes a number from six characters near the end, where
 * a signature or a checksum makes them as good as random, then compares the whole text: to hash seven hundred
 * characters, or to keep a second text as the key, would cost more than all the rest of a check. Two texts of one number
 * push each other out, and are proved again.
 */
export class TokenTextCache<V extends { readonly text: string }> {
  readonly #entries: LruCache<number, V>

  /** @param max entries, two at least */
  constructor(max: number) {
    this.#entries = new LruCache(max)
  }

  get(text: string): V | undefined {
    const found = this.#entries.get(hashCode(text))
    return found?.text === text ? found : undefined
  }

  set(value: V): void {
    this.#entries.set(hashCode(value.text), value)
  }

  clear(): void {
    this.#entries.clear()
  }
}

/** Part of a header's text holds on to the header, and is slower to compare: what is kept is a text of its own. */
export const flattenText = (text: string): string => Buffer.from(text, 'latin1').toString('latin1')

/** The last character is left out: it carries only what bits were left over. 32 bits, so that it needs no memory. */
function hashCode(text: string): number {
  let number = 0
  for (let i = text.length - 7; i < text.length - 1; i++) number = (number << 5) ^ (number >>> 27) ^ text.charCodeAt(i)
  return number | 0
}
