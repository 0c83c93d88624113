import type { JWK, JWTPayload, JWTVerifyGetKey } from 'jose'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Algorithm } from '../config/config.ts'
import type { Database } from '../database/database.ts'
import type { KeyRing } from '../security/key-ring.ts'
import { SigningKey } from './key.entity.ts'
import { createKeyCache, storedKeys } from './key-cache.ts'
import { createKeyWrapper } from './key-wrapper.ts'
import { revokeSigningKey } from './revocation.ts'
import { createFirstKeys, type KeyChange, lockKeys, promoteDue, type Rotation, rotate } from './rotation.ts'
import { isDue, JWKS_MEMORY_MS } from './schedule.ts'
import type { Sign } from './signer.ts'

/**
 * The signing keys of the issuer: the current key signs, the next one is published in advance, and past ones verify until
 * the last token that they signed expires.
 */
export interface Keys {
  /** Signs with the current key, or with the next one once it is due. Sets `alg`, `kid` and `typ`. */
  sign(payload: JWTPayload, typ: string): Promise<string>
  /** Returns the public key of a header to jose. Rejects an unknown or retired `kid`, and a wrong algorithm. */
  verificationKey: JWTVerifyGetKey
  /** The public keys as a JWK Set (RFC 7517 §5). */
  jwks(): Promise<{ keys: JWK[] }>
  /** The algorithms of the current and the next key. */
  algorithms(): Algorithm[]
  list(): Promise<SigningKey[]>
  /**
   * Makes the next key the current one: at once if every cached copy of the JWK Set has it, otherwise as soon as that is the
   * case. A rotation that is already scheduled is kept; with another algorithm, or after a change of the token prefix, a new
   * key replaces the next one.
   * @param algorithm default: that of the scheduled key, or the configured one
   * @param options now: sign at once; verifiers reject tokens until their copy of the JWK Set expires
   * @example const { id, outcome } = await keys.rotate('EdDSA')
   */
  rotate(algorithm?: Algorithm, options?: { now?: boolean | undefined }): Promise<Rotation>
  /**
   * Revokes a key that may be compromised: it is removed from the JWK Set, and everything it signed becomes invalid. If it
   * is the current key, the next key signs at once.
   * @throws 404 when there is no key with this `kid`
   */
  revoke(kid: string): Promise<SigningKey>
  /** Ids of the revoked keys that this node knows. */
  readonly revoked: readonly string[]
  /** Calls the listener after a key was removed or revoked, so that what it verified can be invalidated. */
  observe(listener: () => void): () => void
  /** Creates the first keys of a new database. */
  ensure(): Promise<void>
  /** @throws StartupError that names a row that was tampered with; the other keys are loaded nevertheless */
  load(): Promise<void>
  /** Polls the stored keys while this node may have missed a change to them. @returns a function that stops it */
  startRefreshing(): () => void
}

export interface KeysOptions {
  db: Database
  bus: InvalidationBus
  keyRing: KeyRing
  /** The algorithm of new keys; existing keys keep theirs. */
  algorithm: Algorithm
  /** Begins the `kid` of new keys, and so every JWT; existing keys keep theirs. */
  tokenPrefix: string
  /** Called once for each row that was tampered with. */
  onTampered?: (error: Error) => void
}

export function createKeys({ db, bus, keyRing, algorithm, tokenPrefix, onTampered = () => {} }: KeysOptions): Keys {
  const keyWrapper = createKeyWrapper(keyRing)
  const cache = createKeyCache({ db, bus, keyWrapper, onTampered })
  let promoting = false

  function signer(): Sign {
    const due = cache.keys.find(key => isDue(key))
    if (due) promoteInBackground()
    const key = due ?? cache.keys.find(({ state }) => state === 'current')
    if (key?.sign) return key.sign
    throw new Error('there is no current signing key')
  }

  /** Changes the stored keys, one node at a time, and reloads the cache. */
  async function change<T>(work: (change: KeyChange) => Promise<T>): Promise<T> {
    const result = await bus.transaction(async (em, publish) => {
      await lockKeys(em)
      return work({ em, publish, keyWrapper, tokenPrefix })
    })
    await cache.load()
    return result
  }

  /** Signing does not wait for the promotion to be stored, since the caller may hold the only connection. */
  function promoteInBackground(): void {
    if (promoting) return
    promoting = true
    void change(promoteDue)
      .catch(() => {})
      .finally(() => {
        promoting = false
      })
  }

  return {
    load: cache.load,
    observe: cache.observe,
    startRefreshing: cache.startRefreshing,
    get revoked() {
      return cache.revoked
    },
    async sign(payload, typ) {
      await cache.refreshIfStale()
      return signer()(payload, typ)
    },
    async verificationKey({ kid, alg }) {
      const key = kid === undefined ? undefined : await cache.find(kid)
      if (!key || key.algorithm !== alg) throw new Error('no such key')
      return key.publicKey
    },
    async jwks() {
      await cache.loadIfOlderThan(JWKS_MEMORY_MS)
      return { keys: cache.keys.map(key => key.jwk) }
    },
    algorithms: () => [...new Set(cache.keys.filter(({ state }) => state !== 'past').map(key => key.algorithm))],
    async list() {
      const rows = await storedKeys(db)
      if (!rows.some(row => isDue(row))) return rows
      await change(promoteDue)
      return storedKeys(db)
    },
    rotate: (chosen, { now = false } = {}) =>
      change(each => rotate(each, { algorithm: chosen, configured: algorithm, now })),
    revoke: kid => change(each => revokeSigningKey(each, kid)),
    async ensure() {
      await cache.load()
      if (cache.keys.some(key => key.state === 'current')) return
      await change(async each => {
        if ((await each.em.count(SigningKey, { state: 'current' })) === 0) await createFirstKeys(each, algorithm)
      })
    },
  }
}
