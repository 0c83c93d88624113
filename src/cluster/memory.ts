import QuickLRU from 'quick-lru'
import type { Change, Changes } from './changes.ts'

export interface MemoryOptions<T extends object> {
  changes: Changes
  load: (id: string) => Promise<T | undefined>
  /** Whether a change makes outdated what is held under `id`, the id of the change. */
  concerns?: (change: Change, id: string) => boolean
  /** Whether it makes everything outdated: for rows that are held under something else than their id. */
  clears?: (change: Change) => boolean
  max?: number
}

/** Rows kept in memory for as long as they are known to be what the database holds. */
export type Memory<T> = (id: string) => T | Promise<T | undefined>

/** A value read while it may have changed is used once and not kept; a node that cannot hear keeps nothing. */
export function createMemory<T extends object>(options: MemoryOptions<T>): Memory<T> {
  const { changes, load, concerns = () => false, clears = () => false, max = 10_000 } = options
  const known = new QuickLRU<string, T>({ maxSize: max / 2 })

  const all = (change: Change) => change.kind === 'everything' || clears(change)

  // Never a walk through all that is held: changes come by the thousand.
  changes.subscribe(change => {
    if (all(change)) known.clear()
    else if ('id' in change && concerns(change, change.id)) known.delete(change.id)
  })

  function ask(id: string): Promise<T | undefined> {
    return changes.reading(
      () => load(id),
      (value, meanwhile) => {
        const old = meanwhile.some(change => all(change) || concerns(change, id))
        if (value && changes.hearing && !old) known.set(id, value)
        return value
      },
    )
  }

  return id => (changes.hearing ? (known.get(id) ?? ask(id)) : ask(id))
}
