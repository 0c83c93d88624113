import type { IssuerClient } from './issuer.ts'
import type { RemoteStatusLists } from './status-lists.ts'

const INTERVAL_MS = 1_000
/** Milliseconds between two loads of the keys: retired keys are removed, and new ones arrive before they sign. */
const KEYS_REFRESH_MS = 300_000
/** Milliseconds between two loads of the metadata. */
const METADATA_REFRESH_MS = 60_000

/**
 * Refreshes keys, metadata and status lists in the background.
 * @returns a function that stops it
 */
export function startMaintenance(issuer: IssuerClient, statusLists: RemoteStatusLists): () => void {
  let keysLoadedAt = performance.now()
  const timer = setInterval(() => {
    void statusLists.refresh()
    issuer.refresh(METADATA_REFRESH_MS)
    if (issuer.keys.loaded && performance.now() - keysLoadedAt < KEYS_REFRESH_MS) return
    keysLoadedAt = performance.now()
    issuer.keys.refresh().catch(() => {})
  }, INTERVAL_MS).unref()
  return () => clearInterval(timer)
}
