import type { JSONWebKeySet } from 'jose'
import { issuerUnavailable } from '../errors.ts'
import type { HttpClient } from './http.ts'
import { isIssuerRefusal } from './issuer-refusal.ts'
import { createRemoteJwks, type RemoteJwks } from './jwks.ts'
import { fetchJson, fetchMetadata, type Metadata } from './metadata.ts'
import type { Monitor, Part } from './monitor.ts'

export interface IssuerClient {
  /** The cached metadata; loads it first if necessary. @throws PosternError 503 while it cannot be loaded */
  metadata(): Promise<Metadata>
  /** The cached metadata. */
  readonly current: Metadata | undefined
  /**
   * Reloads the metadata in the background, at most once a second. After a failure the cached metadata stays.
   * @param olderThan reload only when the cached metadata is older, in milliseconds
   * @returns when it is done, for a caller that depends on the result
   */
  refresh(olderThan?: number): Promise<void>
  keys: RemoteJwks
  /** Subscribes to changes: a key was removed or replaced, or the metadata has changed. */
  onChange(listener: () => void): void
  /** Subscribes to each load of the metadata. */
  onMetadata(listener: (metadata: Metadata) => void): void
}

export interface IssuerOptions {
  /** In normal form. */
  url: string
  http: HttpClient
  monitor: Monitor
}

/** Milliseconds before the retry after a permanent refusal. */
export const REFUSED_PAUSE_MS = 30_000
/** Milliseconds before the retry after any other failure. */
const FAILED_PAUSE_MS = 250
/** The minimum time between two loads of the metadata, in milliseconds. */
const COOLDOWN_MS = 1_000

export function createIssuerClient({ url, http, monitor }: IssuerOptions): IssuerClient {
  const changeListeners: (() => void)[] = []
  const metadataListeners: ((metadata: Metadata) => void)[] = []
  let current: Metadata | undefined
  let loading: Promise<Metadata> | undefined
  let loadedAt = Number.NEGATIVE_INFINITY

  const fetchAndStore = withCooldown(async () => {
    const loaded = await fetchMetadata(http, url)
    const changed = current !== undefined && JSON.stringify(current) !== JSON.stringify(loaded)
    current = loaded
    loadedAt = performance.now()
    for (const listener of metadataListeners) listener(loaded)
    if (changed) emitChange()
    return loaded
  }, observe('metadata'))

  function emitChange(): void {
    for (const listener of changeListeners) listener()
  }

  /** Concurrent callers share one load. */
  function load(): Promise<Metadata> {
    loading ??= fetchAndStore().finally(() => {
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
    async refresh(olderThan = COOLDOWN_MS) {
      // Without cached metadata the next call of metadata() loads it.
      if (current && performance.now() - loadedAt > olderThan) await load().catch(() => {})
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

/** After a failure, calls fail with the same error until the pause is over. */
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
