import type { JSONWebKeySet } from 'jose'
import { issuerUnavailable } from '../errors.ts'
import type { HttpClient } from './http.ts'
import { isIssuerRefusal } from './issuer-refusal.ts'
import { createRemoteJwks, type RemoteJwks } from './jwks.ts'
import { fetchJson, fetchMetadata, type Metadata } from './metadata.ts'
import type { Monitor, Part } from './monitor.ts'

export interface IssuerClient {
  /** What is held, or else what is loaded now. @throws 503 while it cannot be had */
  metadata(): Promise<Metadata>
  /** What is held. */
  readonly current: Metadata | undefined
  /**
   * Loads the metadata again beside what goes on, at most once a second; a failure leaves what is held.
   * @param olderThan only when what is held is older than this, in milliseconds
   */
  refresh(olderThan?: number): void
  keys: RemoteJwks
  /** Calls back when a key is gone, or the metadata says something else than before. */
  onChange(listener: () => void): void
  /** Calls back with the metadata each time it was loaded. */
  onMetadata(listener: (metadata: Metadata) => void): void
}

export interface IssuerOptions {
  /** In normal form. */
  url: string
  http: HttpClient
  monitor: Monitor
}

/** After a refusal that waiting will not mend, the next request is made this much later, in milliseconds. */
export const REFUSED_PAUSE_MS = 30_000
/** After any other answer that cannot be used. */
const FAILED_PAUSE_MS = 250
/** From one loading of the metadata to the next. */
const COOLDOWN_MS = 1_000

export function createIssuerClient({ url, http, monitor }: IssuerOptions): IssuerClient {
  const changeListeners: (() => void)[] = []
  const metadataListeners: ((metadata: Metadata) => void)[] = []
  let current: Metadata | undefined
  let loading: Promise<Metadata> | undefined
  let loadedAt = Number.NEGATIVE_INFINITY

  const begin = withCooldown(async () => {
    const found = await fetchMetadata(http, url)
    const changed = current !== undefined && JSON.stringify(current) !== JSON.stringify(found)
    current = found
    loadedAt = performance.now()
    for (const listener of metadataListeners) listener(found)
    if (changed) emitChange()
    return found
  }, observe('metadata'))

  function emitChange(): void {
    for (const listener of changeListeners) listener()
  }

  /** One load for everyone. */
  function load(): Promise<Metadata> {
    loading ??= begin().finally(() => {
      loading = undefined
    })
    return loading
  }

  const metadata = async () => current ?? load()
  const fetchKeys = withCooldown(
    async () => fetchJson(http, (await metadata()).jwks_uri) as Promise<JSONWebKeySet>,
    observe('keys'),
  )

  function observe(part: Part) {
    return { ok: () => monitor.ok(part), failed: (error: unknown) => monitor.failed(part, error) }
  }

  return {
    metadata: () =>
      metadata().catch(error => {
        throw issuerUnavailable(error)
      }),
    get current() {
      return current
    },
    refresh(olderThan = COOLDOWN_MS) {
      // Without any, whoever needs it loads it.
      if (current && performance.now() - loadedAt > olderThan) load().catch(() => {})
    },
    keys: createRemoteJwks(fetchKeys, emitChange),
    onChange: listener => void changeListeners.push(listener),
    onMetadata: listener => void metadataListeners.push(listener),
  }
}

interface LoadObserver {
  ok(): void
  failed(error: unknown): void
}

/** After a failure the work is not begun again at once: until then each call fails with the same error. */
function withCooldown<T>(work: () => Promise<T>, { ok, failed }: LoadObserver): () => Promise<T> {
  let last: { error: unknown; until: number } | undefined
  return async () => {
    if (last && performance.now() < last.until) throw last.error
    try {
      const result = await work()
      last = undefined
      ok()
      return result
    } catch (error) {
      last = { error, until: performance.now() + (isIssuerRefusal(error) ? REFUSED_PAUSE_MS : FAILED_PAUSE_MS) }
      failed(error)
      throw error
    }
  }
}
