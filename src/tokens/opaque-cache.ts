import { TokenTextCache } from '../../packages/guard/src/token-text-cache.ts'
import type { Change, InvalidationBus } from '../cluster/invalidation-bus.ts'

/** Verified texts that are not JWTs of our own keys. */
export interface OpaqueCache<V> {
  get(text: string): V | undefined
  set(entry: V): void
  /** A text of another system. A node without notifications verifies it each time, since its key may be distrusted. */
  getImported(text: string): V | undefined
  /**
   * Verifies a text of another system and caches its entry, unless the trusted keys changed meanwhile.
   * @param toEntry returns undefined for a result that must not be cached
   */
  verifyImported<T>(verify: () => Promise<T>, toEntry: (found: T) => V | undefined): Promise<T>
}

const changesKeys = ({ kind }: Change) => kind === 'keys' || kind === 'everything'

/** Creates a cache that forgets every text when a key may have been distrusted. */
export function createOpaqueCache<V extends { readonly text: string }>(
  bus: InvalidationBus,
  size: number,
): OpaqueCache<V> {
  const cache = new TokenTextCache<V>(size)
  bus.subscribe(change => {
    if (changesKeys(change)) cache.clear()
  })

  return {
    get: text => cache.get(text),
    set: entry => cache.set(entry),
    getImported: text => (bus.connected ? cache.get(text) : undefined),
    verifyImported: (verify, toEntry) =>
      bus.readAtVersion(verify, (found, concurrent) => {
        const entry = toEntry(found)
        if (entry && !concurrent.some(changesKeys)) cache.set(entry)
        return found
      }),
  }
}
