import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose'
import { issuerAway } from '../errors.ts'

export interface Jwks {
  /** For jose. A `kid` that is not held is looked for once more. @throws 503 while nobody can say whose it is */
  key: JWTVerifyGetKey
  /** Loads the keys unless a load is under way, or has just failed. @throws what the load failed with */
  refresh(): Promise<void>
  /** Forgets these keys for good: a cache on the way may hold a key set that has them. */
  revoke(kids: readonly string[]): void
  /** The keys are in memory. */
  readonly held: boolean
}

/** Milliseconds from one successful load to the next: a forged `kid` must not cost the issuer. */
const COOLDOWN_MS = 1_000

/**
 * The issuer's keys. Everyone who waits for them waits for the same load.
 * @param fetchKeys the key set as it is published now
 * @param onKeys called when a key is gone or another stands in its place
 */
export function createJwks(fetchKeys: () => Promise<JSONWebKeySet>, onKeys: () => void): Jwks {
  let keys: JWTVerifyGetKey | undefined
  let known: JSONWebKeySet['keys'] = []
  const revoked = new Set<string>()
  let loading: Promise<void> | undefined
  /** For those who came after the load under way began: what it brings may be older than their key. */
  let next: Promise<void> | undefined
  let loadedAt = Number.NEGATIVE_INFINITY

  async function load(): Promise<void> {
    const set = await fetchKeys()
    loadedAt = performance.now()
    take(set.keys)
  }

  function take(found: JSONWebKeySet['keys']): void {
    const before = known.map(key => JSON.stringify(key))
    known = found.filter(({ kid }) => kid === undefined || !revoked.has(kid))
    keys = createLocalJWKSet({ keys: known })
    const texts = known.map(key => JSON.stringify(key))
    if (before.some(text => !texts.includes(text))) onKeys()
  }

  function refresh(): Promise<void> {
    loading ??= load().finally(() => {
      loading = undefined
    })
    return loading
  }

  /** A load that begins after this call. */
  function later(): Promise<void> {
    next ??= soon().finally(() => {
      next = undefined
    })
    return next
  }

  async function soon(): Promise<void> {
    await loading?.catch(() => {})
    const wait = loadedAt + COOLDOWN_MS - performance.now()
    if (wait > 0) await new Promise(resolve => setTimeout(resolve, wait).unref())
    const load = refresh()
    next = undefined
    await load
  }

  const orAway = (work: Promise<void>) =>
    work.catch(error => {
      throw issuerAway(error)
    })

  return {
    get held() {
      return keys !== undefined
    },
    refresh,
    revoke(kids) {
      for (const kid of kids) revoked.add(kid)
      if (known.some(({ kid }) => kid !== undefined && revoked.has(kid))) take(known)
    },
    async key(header, token) {
      if (!keys) await orAway(refresh())
      try {
        return await (keys as JWTVerifyGetKey)(header, token)
      } catch (error) {
        if ((error as { code?: string }).code !== 'ERR_JWKS_NO_MATCHING_KEY') throw error
        await orAway(later())
        return (keys as JWTVerifyGetKey)(header, token)
      }
    },
  }
}
