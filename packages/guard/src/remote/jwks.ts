import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose'
import { issuerUnavailable } from '../errors.ts'

export interface RemoteJwks {
  /** For jose. A `kid` that is not held is looked for once more. @throws 503 while nobody can say whose it is */
  key: JWTVerifyGetKey
  /** Loads the keys unless a load is under way, or has just failed. @throws what the load failed with */
  refresh(): Promise<void>
  /** Forgets these keys for good: a cache on the way may hold a key set that has them. */
  revoke(kids: readonly string[]): void
  /** The keys are in memory. */
  readonly loaded: boolean
}

/** Milliseconds from one successful load to the next: a forged `kid` must not cost the issuer. */
const COOLDOWN_MS = 1_000

/**
 * The issuer's keys. Everyone who waits for them waits for the same load.
 * @param fetchKeys the key set as it is published now
 * @param onKeys called when a key is gone or another stands in its place
 */
export function createRemoteJwks(fetchKeys: () => Promise<JSONWebKeySet>, onKeys: () => void): RemoteJwks {
  let keys: JWTVerifyGetKey | undefined
  let knownKeys: JSONWebKeySet['keys'] = []
  const revoked = new Set<string>()
  let loading: Promise<void> | undefined
  /** For those who came after the load under way began: what it brings may be older than their key. */
  let nextLoad: Promise<void> | undefined
  let loadedAt = Number.NEGATIVE_INFINITY

  async function load(): Promise<void> {
    const set = await fetchKeys()
    loadedAt = performance.now()
    store(set.keys)
  }

  function store(found: JSONWebKeySet['keys']): void {
    const before = knownKeys.map(key => JSON.stringify(key))
    knownKeys = found.filter(({ kid }) => kid === undefined || !revoked.has(kid))
    keys = createLocalJWKSet({ keys: knownKeys })
    const texts = knownKeys.map(key => JSON.stringify(key))
    if (before.some(text => !texts.includes(text))) onKeys()
  }

  function refresh(): Promise<void> {
    loading ??= load().finally(() => {
      loading = undefined
    })
    return loading
  }

  /** A load that begins after this call. */
  function loadAfterCurrent(): Promise<void> {
    nextLoad ??= runNextLoad().finally(() => {
      nextLoad = undefined
    })
    return nextLoad
  }

  async function runNextLoad(): Promise<void> {
    await loading?.catch(() => {})
    const wait = loadedAt + COOLDOWN_MS - performance.now()
    if (wait > 0) await new Promise(resolve => setTimeout(resolve, wait).unref())
    const load = refresh()
    nextLoad = undefined
    await load
  }

  const orUnavailable = (work: Promise<void>) =>
    work.catch(error => {
      throw issuerUnavailable(error)
    })

  return {
    get loaded() {
      return keys !== undefined
    },
    refresh,
    revoke(kids) {
      for (const kid of kids) revoked.add(kid)
      if (knownKeys.some(({ kid }) => kid !== undefined && revoked.has(kid))) store(knownKeys)
    },
    async key(header, token) {
      if (!keys) await orUnavailable(refresh())
      try {
        return await (keys as JWTVerifyGetKey)(header, token)
      } catch (error) {
        if ((error as { code?: string }).code !== 'ERR_JWKS_NO_MATCHING_KEY') throw error
        await orUnavailable(loadAfterCurrent())
        return (keys as JWTVerifyGetKey)(header, token)
      }
    },
  }
}
