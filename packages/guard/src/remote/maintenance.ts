import type { IssuerClient } from './issuer.ts'
import type { RemoteStatusLists } from './status-lists.ts'

const INTERVAL_MS = 1_000
/** A retired key goes from memory after this long, and a new one is there before it signs. */
const KEYS_REFRESH_MS = 300_000
/** What the metadata says otherwise is known here after this long at most. */
const METADATA_REFRESH_MS = 60_000

/**
 * Keeps what was loaded of the issuer up to date, beside the requests.
 * @returns what ends it
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
