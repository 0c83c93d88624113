import type { ImportedFormat } from '../../packages/guard/src/imported-text.ts'
import { createCache } from '../cluster/cache.ts'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Database } from '../database/database.ts'
import { ImportSource, type System } from './source.entity.ts'

/** The systems that tokens were imported from, as cached by this node. */
export interface ImportSources {
  all(): readonly ImportSource[] | Promise<readonly ImportSource[]>
  /** The formats of their tokens, for resource servers. A deployment without imports has none. */
  formats(): Promise<ImportedFormat[]>
}

/** Doorkeeper generates opaque texts by default; applications can make it generate JWTs. */
const FORMATS: Record<System, ImportedFormat[]> = {
  sanctum: ['opaque'],
  doorkeeper: ['opaque', 'jwt'],
  passport: ['jwt'],
  tokens: ['opaque', 'jwt'],
}

interface Loaded {
  sources: readonly ImportSource[]
}

export function createImportSources(db: Database, bus: InvalidationBus): ImportSources {
  const cached = createCache<Loaded>({
    bus,
    load: async () => ({ sources: await db.run(em => em.find(ImportSource, {}, { orderBy: { name: 'asc' } })) }),
    // An import publishes `everything` at its end; a trusted key is a change of keys.
    clearsAll: ({ kind }) => kind === 'keys',
  })
  const sourcesOf = (loaded: Loaded | undefined) => loaded?.sources ?? []

  function all(): readonly ImportSource[] | Promise<readonly ImportSource[]> {
    const loaded = cached('all')
    return loaded instanceof Promise ? loaded.then(sourcesOf) : sourcesOf(loaded)
  }

  return {
    all,
    async formats() {
      return [...new Set((await all()).flatMap(({ system }) => FORMATS[system]))]
    },
  }
}
