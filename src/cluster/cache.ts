import QuickLRU from 'quick-lru'
import type { Change, InvalidationBus } from './invalidation-bus.ts'

export interface CacheOptions<T extends object> {
  bus: InvalidationBus
  load: (id: string) => Promise<T | undefined>
  /** Whether a change makes outdated what is held under `id`, the id of the change. */
  invalidates?: (change: Change, id: string) => boolean
  /** Whether it makes everything outdated: for rows that are held under something else than their id. */
  clearsAll?: (change: Change) => boolean
  maxEntries?: number
}

/** Rows kept in memory for as long as they are known to be what the database holds. */
export type Cached<T> = (id: string) => T | Promise<T | undefined>

/** A value read while it may have changed is used once and not kept; a node that cannot hear keeps nothing. */
export function createCache<T extends object>(options: CacheOptions<T>): Cached<T> {
  const { bus, load, invalidates = () => false, clearsAll = () => false, maxEntries = 10_000 } = options
  const entries = new QuickLRU<string, T>({ maxSize: maxEntries / 2 })

  const invalidatesAll = (change: Change) => change.kind === 'everything' || clearsAll(change)

  // Never a walk through all that is held: changes come by the thousand.
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
