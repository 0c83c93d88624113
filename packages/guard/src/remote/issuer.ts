import type { JSONWebKeySet } from 'jose'
import { issuerAway } from '../errors.ts'
import type { Http } from './http.ts'
import { createJwks, type Jwks } from './jwks.ts'
import { fetchMetadata, json, type Metadata } from './metadata.ts'
import type { Monitor, Part } from './monitor.ts'
import { isRefusal } from './refusal.ts'

export interface Issuer {
  /** What is held, or else what is loaded now. @throws 503 while it cannot be had */
  metadata(): Promise<Metadata>
  /** What is held. */
  readonly held: Metadata | undefined
  /**
   * Loads the metadata again beside what goes on, at most once a second; a failure leaves what is held.
   * @param olderThan only when what is held is older than this, in milliseconds
   */
  refresh(olderThan?: number): void
  keys: Jwks
}

export interface IssuerOptions {
  /** In normal form. */
  url: string
  http: Http
  monitor: Monitor
  /** A key is gone, or the metadata says something else than before. */
  onChange: () => void
  /** Metadata was loaded. */
  onMetadata: (metadata: Metadata) => void
}

/** After a refusal that waiting will not mend, the next request is made this much later, in milliseconds. */
export const REFUSED_PAUSE_MS = 30_000
/** After any other answer that cannot be used. */
const FAILED_PAUSE_MS = 250
/** From one loading of the metadata to the next. */
const COOLDOWN_MS = 1_000

export function createIssuer({ url, http, monitor, onChange, onMetadata }: IssuerOptions): Issuer {
  let held: Metadata | undefined
  let loading: Promise<Metadata> | undefined
  let loadedAt = Number.NEGATIVE_INFINITY

  const begin = paused(async () => {
    const found = await fetchMetadata(http, url)
    const changed = held !== undefined && JSON.stringify(held) !== JSON.stringify(found)
    held = found
    loadedAt = performance.now()
    onMetadata(found)
    if (changed) onChange()
    return found
  }, watched('metadata'))

  /** One load for everyone. */
  function load(): Promise<Metadata> {
    loading ??= begin().finally(() => {
      loading = undefined
    })
    return loading
  }

  const metadata = async () => held ?? load()
  const fetchKeys = paused(
    async () => json(http, (await metadata()).jwks_uri) as Promise<JSONWebKeySet>,
    watched('keys'),
  )

  function watched(part: Part) {
    return { ok: () => monitor.ok(part), failed: (error: unknown) => monitor.failed(part, error) }
  }

  return {
    metadata: () =>
      metadata().catch(error => {
        throw issuerAway(error)
      }),
    get held() {
      return held
    },
    refresh(olderThan = COOLDOWN_MS) {
      // Without any, whoever needs it loads it.
      if (held && performance.now() - loadedAt > olderThan) load().catch(() => {})
    },
    keys: createJwks(fetchKeys, onChange),
  }
}

interface Watch {
  ok(): void
  failed(error: unknown): void
}

/** After a failure the work is not begun again at once: until then each call fails with the same error. */
function paused<T>(work: () => Promise<T>, { ok, failed }: Watch): () => Promise<T> {
  let last: { error: unknown; until: number } | undefined
  return async () => {
    if (last && performance.now() < last.until) throw last.error
    try {
      const result = await work()
      last = undefined
      ok()
      return result
    } catch (error) {
      last = { error, until: performance.now() + (isRefusal(error) ? REFUSED_PAUSE_MS : FAILED_PAUSE_MS) }
      failed(error)
      throw error
    }
  }
}
