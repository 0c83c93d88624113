import QuickLRU from 'quick-lru'
import type { Change, InvalidationBus } from './invalidation-bus.ts'

export interface CacheOptions<T extends object> {
  bus: InvalidationBus
  load: (id: string) => Promise<T | undefined>
  /** Whether a change invalidates the entry `id`. */
  invalidates?: (change: Change, id: string) => boolean
  /** Whether a change invalidates all entries: for rows that are cached under another key than their id. */
  clearsAll?: (change: Change) => boolean
  maxEntries?: number
}

/** Reads a row from the cache, or else from the database. A cached row is returned without a promise. */
export type Cached<T> = (id: string) => T | Promise<T | undefined>

/**
 * Caches rows in memory until a change invalidates them. A value that may have changed while it was read is returned but
 * not cached. A node that is not connected to the invalidation bus caches nothing.
 */
export function createCache<T extends object>(options: CacheOptions<T>): Cached<T> {
  const { bus, load, invalidates = () => false, clearsAll = () => false, maxEntries = 10_000 } = options
  const entries = new QuickLRU<string, T>({ maxSize: maxEntries / 2 })

  const invalidatesAll = (change: Change) => change.kind === 'everything' || clearsAll(change)

  // This must not iterate over all entries: thousands of changes may arrive at once.
  bus.subscribe(change => {
    if (invalidatesAll(change)) entries.clear()
    else if ('id' in change && invalidates(change, change.id)) entries.delete(change.id)
  })

  function read(id: string): Promise<T | undefined> {
    return bus.readAtVersion(
      () => load(id),
      (value, concurrent) => {
        const outdated = concurrent.some(change => invalidatesAll(change) || invalidates(change, id))
        if (value && bus.connected && !outdated) entries.set(id, value)
        return value
      },
    )
  }

  return id => (bus.connected ? (entries.get(id) ?? read(id)) : read(id))
}
