import { LruCache } from '../lru-cache.ts'
import type { Token } from '../token.ts'
import type { StatusReference } from './status-lists.ts'

/** What the issuer said of a token when it was asked. */
export interface CachedIntrospection {
  token: Token
  /** Seconds since the epoch. */
  expires: number
  reference: StatusReference
}

/** Answers of the issuer, each kept until something changes at the place of its token in the lists. */
export interface IntrospectionCache {
  /** What was said of this text, if that may be so still. */
  get(text: string): CachedIntrospection | undefined
  set(text: string, answer: CachedIntrospection): void
  /** Something changed at this place. */
  invalidate(list: number, index: number): void
  /** Something may have changed anywhere. */
  clear(): void
}

interface CacheEntry extends CachedIntrospection {
  referenceKey: string
  /** Monotonic milliseconds. */
  until: number
}

/**
 * A node of the issuer that has just lost its feed answers as before for up to a second. What is asked so soon after a
 * change may come from it, and is good for a moment only.
 */
const SETTLE_MS = 2_000
const UNSETTLED_TTL_MS = 100

/** @param maxEntries answers */
export function createIntrospectionCache(maxEntries: number): IntrospectionCache {
  const entries = new LruCache<string, CacheEntry>(maxEntries)
  /** Which text was asked about for a place, since that last changed: no other answer for it counts. */
  const latestText = new LruCache<string, string>(maxEntries)
  const changedAt = new LruCache<string, number>(maxEntries)
  let clearedAt = performance.now()

  return {
    get(text) {
      const answer = entries.get(text)
      return answer && latestText.get(answer.referenceKey) === text && performance.now() <= answer.until
        ? answer
        : undefined
    },
    set(text, answer) {
      const key = keyOf(answer.reference)
      const now = performance.now()
      const settled = now - Math.max(clearedAt, changedAt.get(key) ?? 0) > SETTLE_MS
      entries.set(text, {
        ...answer,
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

/** As the feed names it. */
const keyOf = ({ uri, idx }: StatusReference) => `${uri.slice(uri.lastIndexOf('/') + 1)} ${idx}`
