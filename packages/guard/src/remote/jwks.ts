import type { JSONWebKeySet, JWTVerifyGetKey } from 'jose'
import { createLocalJWKSet } from 'jose/jwks/local'
import { issuerUnavailable } from '../errors.ts'

export interface RemoteJwks {
  /** The key function for jose. Reloads the keys for an unknown `kid`. @throws PosternError 503 while they cannot be loaded */
  key: JWTVerifyGetKey
  /** Loads the keys, or waits for the current load. @throws the error of the load, also during the pause after a failure */
  refresh(): Promise<void>
  /** Removes these keys permanently, even when a cached key set still contains them. */
  revoke(kids: readonly string[]): void
  /** Whether the keys are in memory. */
  readonly loaded: boolean
}

/** The minimum time between two loads in milliseconds, so that forged `kid`s cause no load on the issuer. */
const COOLDOWN_MS = 1_000

/**
 * The issuer's keys. Concurrent callers share one load.
 * @param fetchKeys requests the published key set
 * @param onKeys called when a key was removed or replaced
 */
export function createRemoteJwks(fetchKeys: () => Promise<JSONWebKeySet>, onKeys: () => void): RemoteJwks {
  let keys: JWTVerifyGetKey | undefined
  let knownKeys: JSONWebKeySet['keys'] = []
  const revoked = new Set<string>()
  let loading: Promise<void> | undefined
  /** The load after the current one, for callers whose key may be newer than the response of the current one. */
  let nextLoad: Promise<void> | undefined
  let loadedAt = Number.NEGATIVE_INFINITY

  async function load(): Promise<void> {
    const set = await fetchKeys()
    loadedAt = performance.now()
    store(set.keys)
  }

  function store(loaded: JSONWebKeySet['keys']): void {
    const previous = knownKeys.map(key => JSON.stringify(key))
    knownKeys = loaded.filter(({ kid }) => kid === undefined || !revoked.has(kid))
    keys = createLocalJWKSet({ keys: knownKeys })
    const texts = knownKeys.map(key => JSON.stringify(key))
    if (previous.some(text => !texts.includes(text))) onKeys()
  }

  function refresh(): Promise<void> {
    loading ??= load().finally(() => {
      loading = undefined
    })
    return loading
  }

  /** Waits for a load that starts after this call. */
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
