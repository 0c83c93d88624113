import { LruCache } from '../lru-cache.ts'
import type { Token } from '../token.ts'
import type { StatusReference } from './list-uris.ts'

/** A cached introspection response. */
export interface CachedIntrospection {
  token: Token
  /** Seconds since the epoch. */
  expires: number
  reference: StatusReference
}

/** Introspection responses, each cached until a status event for the status reference of its token. */
export interface IntrospectionCache {
  /** The response for this text, unless it may be outdated. */
  get(text: string): CachedIntrospection | undefined
  set(text: string, response: CachedIntrospection): void
  /** The status at this reference has changed. */
  invalidate(list: number, index: number): void
  /** Any status may have changed. */
  clear(): void
}

interface CacheEntry extends CachedIntrospection {
  referenceKey: string
  /** Monotonic milliseconds. */
  until: number
}

/**
 * A node of the issuer that has just lost its connection to the others may return outdated responses for up to a second.
 * So a response that arrives soon after a change is cached for a short time only.
 */
const SETTLE_MS = 2_000
const UNSETTLED_TTL_MS = 100

/** @param maxEntries the maximum number of responses */
export function createIntrospectionCache(maxEntries: number): IntrospectionCache {
  const entries = new LruCache<string, CacheEntry>(maxEntries)
  /** The text last introspected for a status reference since its last change; responses for other texts are outdated. */
  const latestText = new LruCache<string, string>(maxEntries)
  const changedAt = new LruCache<string, number>(maxEntries)
  let clearedAt = performance.now()

  return {
    get(text) {
      const entry = entries.get(text)
      return entry && latestText.get(entry.referenceKey) === text && performance.now() <= entry.until
        ? entry
        : undefined
    },
    set(text, response) {
      const key = keyOf(response.reference)
      const now = performance.now()
      const settled = now - Math.max(clearedAt, changedAt.get(key) ?? 0) > SETTLE_MS
      entries.set(text, {
        ...response,
        referenceKey: key,
        until: settled ? Number.POSITIVE_INFINITY : now + UNSETTLED_TTL_MS,
      })
      latestText.set(key, text)
    },
    invalidate(list, index) {
      const key = `${list} ${index}`
      latestText.delete(key)
      changedAt.set(key, performance.now())
    },
    clear() {
      entries.clear()
      clearedAt = performance.now()
    },
  }
}

/** List and index, as in events of the feed. */
const keyOf = ({ uri, idx }: StatusReference) => `${uri.slice(uri.lastIndexOf('/') + 1)} ${idx}`
