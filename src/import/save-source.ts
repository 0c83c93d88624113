import { StartupError } from '../errors/errors.ts'
import { ImportSource, type SourceSettings as StoredSettings, type System } from '../imported/source.entity.ts'
import type { ImportContext } from './context.ts'

/** Milliseconds until tokens end that had no end, unless the operator chooses another time. */
const DEFAULT_END_MS = 365 * 86_400_000

export interface SavedSource {
  system: System
  /** Whether the scopes of a JWT apply in place of those of its row. */
  scopesOfText: boolean
  /** What texts need that are seen later. */
  settings: StoredSettings | null
  /** The key that the source encrypts refresh tokens with, encrypted; undefined: as before. */
  encryptedKey: string | undefined
  /** The time that the operator chose. */
  neverEndsAt: Date | undefined
}

/**
 * Stores the source of an import, unless it is a dry run.
 * @returns when tokens end that had no end; the same for each import of the source until the operator chooses another time
 * @throws StartupError when tokens of another system were imported under this name
 */
export async function saveSource({ services, source, dryRun }: ImportContext, settings: SavedSource): Promise<Date> {
  const { system, scopesOfText, encryptedKey } = settings
  const now = new Date()
  return services.db.transaction(async em => {
    const stored = await em.findOne(ImportSource, { name: source })
    if (stored && stored.system !== system) {
      throw new StartupError(`The source "${source}" is of ${stored.system}. Choose another name by --source.`)
    }
    const neverEndsAt = settings.neverEndsAt ?? stored?.neverEndsAt ?? new Date(now.getTime() + DEFAULT_END_MS)
    if (dryRun) return neverEndsAt
    const values = { neverEndsAt, scopesOfText, settings: settings.settings }
    if (stored) em.assign(stored, { ...values, ...(encryptedKey && { encryptedKey }), updatedAt: now })
    else {
      const row = { name: source, system, keys: [], encryptedKey: encryptedKey ?? null, ...values }
      em.persist(em.create(ImportSource, { ...row, createdAt: now, updatedAt: now }))
    }
    return neverEndsAt
  })
}
