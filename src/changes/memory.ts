import { Recent } from '../guard/recent.ts'
import type { Change, Changes } from './changes.ts'

export interface MemoryOptions<T extends object> {
  changes: Changes
  load: (id: string) => Promise<T | undefined>
  /** Whether this change says that what is held under `id` may be so no longer. */
  concerns: (change: Change, id: string) => boolean
  max?: number
}

/** Rows kept in memory for as long as they are known to be what the database holds. */
export type Memory<T> = (id: string) => T | Promise<T | undefined>

/** A value read while it may have changed is used once and not kept; a node that cannot hear keeps nothing. */
export function createMemory<T extends object>({ changes, load, concerns, max = 10_000 }: MemoryOptions<T>): Memory<T> {
  const known = new Recent<string, T>(max)

  changes.subscribe(change => {
    if (change.kind === 'everything') known.clear()
    else for (const [id] of known) if (concerns(change, id)) known.delete(id)
  })

  function ask(id: string): Promise<T | undefined> {
    return changes.reading(
      () => load(id),
      (value, meanwhile) => {
        const old = meanwhile.some(change => change.kind === 'everything' || concerns(change, id))
        if (value && changes.hearing && !old) known.set(id, value)
        return value
      },
    )
  }

  return id => (changes.hearing ? (known.get(id) ?? ask(id)) : ask(id))
}
