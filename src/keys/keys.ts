import type { JWK, JWTPayload, JWTVerifyGetKey } from 'jose'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Algorithm } from '../config/config.ts'
import type { Database } from '../database/database.ts'
import { withTimeout } from '../database/timeout.ts'
import { isUuid } from '../text/uuid.ts'
import { SigningKey } from './key.entity.ts'
import { createKeyWrapper } from './key-wrapper.ts'
import { type LoadedKey, loadKey, PROPAGATION_MS, stillVerifies } from './loaded-key.ts'
import { revokeSigningKey } from './revocation.ts'
import { createFirstKeys, type KeyChange, lockKeys, promoteDue, type Rotation, rotate } from './rotation.ts'
import { isDue, JWKS_MEMORY_MS } from './schedule.ts'
import type { Sign } from './signer.ts'

/** The keys of this issuer: one signs, one is published and waits, the past ones verify while their tokens live. */
export interface Keys {
  /** Signs with the current key, or the next one from its time on; sets `alg`, `kid` and the `typ` given. */
  sign(payload: JWTPayload, typ: string): Promise<string>
  /** The public key of a header, for jose; rejects an unknown or retired `kid` and another algorithm than the key's. */
  verificationKey: JWTVerifyGetKey
  /** The public keys as a JWK Set (RFC 7517 §5). */
  jwks(): Promise<{ keys: JWK[] }>
  /** What it signs with now, and after the next rotation. */
  algorithms(): Algorithm[]
  list(): Promise<SigningKey[]>
  /**
   * Lets the next key sign and retires the current one: at once, if every copy of the JWK Set has the next key, and
   * otherwise as soon as that is so. A rotation that waits already is kept; another algorithm replaces the key that waits.
   * @param algorithm default: that of the key that waits, or the configured one
   * @param options now: sign at once; verifiers refuse tokens until their copy of the JWK Set expires
   * @example const { id, outcome } = await keys.rotate('EdDSA')
   */
  rotate(algorithm?: Algorithm, options?: { now?: boolean | undefined }): Promise<Rotation>
  /**
   * Withdraws a key that may be in other hands: it leaves the JWK Set, and nothing that it signed counts any more. The
   * next key signs at once if this one did.
   * @throws 404 for a `kid` that no key has
   */
  revoke(kid: string): Promise<SigningKey>
  /** Ids of the keys that were revoked, as this node knows them. */
  readonly revoked: readonly string[]
  /** Called after a look at the stored keys that found one gone or revoked: what was verified by it counts no more. */
  observe(listener: () => void): () => void
  /** Makes the first keys of a new database. */
  ensure(): Promise<void>
  /** @throws StartupError that names a row that was tampered with; the other keys are loaded all the same */
  load(): Promise<void>
  /** Looks at the stored keys now and then while this node may have missed a change of them. @returns what ends that */
  startRefreshing(): () => void
}

export interface KeysOptions {
  db: Database
  bus: InvalidationBus
  appKey: string
  /** For keys that are made from now on; those that exist keep theirs. */
  algorithm: Algorithm
  /** Told once of each row that was tampered with. */
  onTampered?: (error: Error) => void
}

/** Milliseconds between two looks of a node that may have missed a change: a revoked key is forgotten within a second. */
const POLL_INTERVAL_MS = 400
/** Without the feed a rotation may go unheard: an older look than this is too old to sign on. */
const MAX_UNCONFIRMED_AGE_MS = 5_000
/** Whoever holds a connection waits no longer than this for a look that may need one. */
const MAX_LOAD_WAIT_MS = 2_000

export function createKeys({ db, bus, appKey, algorithm, onTampered = () => {} }: KeysOptions): Keys {
  const keyWrapper = createKeyWrapper(appKey)
  let keys = new Map<string, LoadedKey>()
  let revoked: readonly string[] = []
  const observers = new Set<() => void>()
  const reported = new Set<string>()
  let loadedAt = 0
  /** As `loadedAt`, but a change that is heard of does not undo it. */
  let attemptedAt = 0
  let refreshing = false
  let promoting = false
  let loading: Promise<void> = Promise.resolve()

  bus.subscribe(({ kind }) => {
    if (kind !== 'keys' && kind !== 'everything') return
    // What is held here was right until a moment ago, so that signing need not wait for the look that begins now.
    if (kind === 'keys' && loadedAt !== 0 && bus.connected) attemptedAt = Date.now()
    loadedAt = 0
    void load().catch(() => {})
  })

  /** One look after another, so that an older one never replaces a newer. */
  function load(): Promise<void> {
    loading = loading.catch(() => {}).then(readKeys)
    return loading
  }

  async function readKeys(): Promise<void> {
    const startedAt = Date.now()
    const rows = await stored()
    const verifying = await Promise.all(rows.map(row => stillVerifies(db, row)))
    const loaded = await Promise.allSettled(rows.filter((_, i) => verifying[i]).map(row => loadKey(row, keyWrapper)))
    const before = keys
    keys = new Map(loaded.flatMap(result => (result.status === 'fulfilled' ? [[result.value.id, result.value]] : [])))
    const more = rows.flatMap(row => (row.revokedAt ? [row.id] : []))
    const changed = more.length !== revoked.length || [...before.keys()].some(id => !keys.has(id))
    revoked = more
    loadedAt = startedAt
    attemptedAt = startedAt
    if (changed) for (const observer of observers) observer()
    const failed = loaded.find(result => result.status === 'rejected')
    if (failed) dropTampered(failed.reason)
  }

  function dropTampered(error: Error): never {
    if (!reported.has(error.message)) onTampered(error)
    reported.add(error.message)
    throw error
  }

  const loadIfOlderThan = async (ms: number) => {
    if (Date.now() - loadedAt > ms) await load()
  }

  /**
   * Signing goes on inside transactions, and so must not wait for a connection that those may hold between them. A key
   * that was retired a moment ago still verifies: the look is taken beside the signing, for as long as that is so.
   */
  async function refreshIfStale(): Promise<void> {
    if (loadedAt !== 0 && bus.connected) return
    const age = Date.now() - attemptedAt
    if (age > MAX_UNCONFIRMED_AGE_MS && !refreshing) {
      refreshing = true
      void load()
        .catch(() => {})
        .finally(() => {
          refreshing = false
        })
    }
    if (age > PROPAGATION_MS - MAX_UNCONFIRMED_AGE_MS) await withTimeout(loading, MAX_LOAD_WAIT_MS)
  }

  /** A key that another node just made is looked for by its id: a forged `kid` costs no more than any unknown token. */
  async function find(kid: string): Promise<LoadedKey | undefined> {
    if (!keys.has(kid) && (await isInUse(kid))) await load()
    return keys.get(kid)
  }

  async function isInUse(kid: string): Promise<boolean> {
    const row = isUuid(kid) ? await db.run(em => em.findOne(SigningKey, { id: kid })) : null
    // Past keys were all here at the last look; asking for each forged token whether one still has tokens is dear.
    return row !== null && !row.revokedAt && (row.state !== 'past' || Date.now() - loadedAt > MAX_UNCONFIRMED_AGE_MS)
  }

  function signer(): Sign {
    const due = [...keys.values()].find(key => isDue(key))
    if (due) promoteInBackground()
    const key = due ?? [...keys.values()].find(({ state }) => state === 'current')
    if (key?.sign) return key.sign
    throw new Error('there is no current signing key')
  }

  /** Changes the stored keys, one node at a time, and then what is held here. */
  async function change<T>(work: (change: KeyChange) => Promise<T>): Promise<T> {
    const result = await bus.transaction(async (em, publish) => {
      await lockKeys(em)
      return work({ em, publish, keyWrapper })
    })
    await load()
    return result
  }

  /** Whoever signs may hold the only connection, and so does not wait for the state to be stored. */
  function promoteInBackground(): void {
    if (promoting) return
    promoting = true
    void change(promoteDue)
      .catch(() => {})
      .finally(() => {
        promoting = false
      })
  }

  const stored = () => db.run(em => em.find(SigningKey, {}, { orderBy: { createdAt: 'asc', id: 'asc' } }))

  return {
    load,
    async sign(payload, typ) {
      await refreshIfStale()
      return signer()(payload, typ)
    },
    async verificationKey({ kid, alg }) {
      const key = kid === undefined ? undefined : await find(kid)
      if (!key || key.algorithm !== alg) throw new Error('no such key')
      return key.publicKey
    },
    async jwks() {
      await loadIfOlderThan(JWKS_MEMORY_MS)
      return { keys: [...keys.values()].map(k => k.jwk) }
    },
    algorithms: () => [
      ...new Set([...keys.values()].filter(({ state }) => state !== 'past').map(key => key.algorithm)),
    ],
    async list() {
      const rows = await stored()
      if (!rows.some(row => isDue(row))) return rows
      await change(promoteDue)
      return stored()
    },
    rotate: (chosen, { now = false } = {}) =>
      change(each => rotate(each, { algorithm: chosen, configured: algorithm, now })),
    revoke: kid => change(each => revokeSigningKey(each, kid)),
    get revoked() {
      return revoked
    },
    observe(observer) {
      observers.add(observer)
      return () => void observers.delete(observer)
    },
    startRefreshing() {
      const readKeys = () => {
        if (loadedAt === 0 || !bus.connected) void load().catch(() => {})
      }
      const timer = setInterval(readKeys, POLL_INTERVAL_MS).unref()
      return () => clearInterval(timer)
    },
    async ensure() {
      await load()
      if ([...keys.values()].some(key => key.state === 'current')) return
      await change(async each => {
        if ((await each.em.count(SigningKey, { state: 'current' })) === 0) await createFirstKeys(each, algorithm)
      })
    },
  }
}
