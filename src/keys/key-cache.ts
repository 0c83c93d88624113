import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Database } from '../database/database.ts'
import { withTimeout } from '../database/timeout.ts'
import { SigningKey } from './key.entity.ts'
import type { KeyWrapper } from './key-wrapper.ts'
import { isKid } from './kid.ts'
import { type LoadedKey, loadKey, PROPAGATION_MS, stillVerifies } from './loaded-key.ts'

/** The signing keys in the memory of a node. */
export interface KeyCache {
  /** The keys that sign or verify, oldest first. */
  readonly keys: readonly LoadedKey[]
  /** Ids of the revoked keys. */
  readonly revoked: readonly string[]
  /** @throws StartupError that names a row that was tampered with; the other keys are loaded nevertheless */
  load(): Promise<void>
  /** Reloads the keys if they were loaded longer ago than this. */
  loadIfOlderThan(ms: number): Promise<void>
  /**
   * Ensures that the keys are recent enough to sign with. Tokens are signed inside transactions, so this must not wait for a
   * connection while all of them may be in use. A recently retired key still verifies: for that long, the load runs in the
   * background.
   */
  refreshIfStale(): Promise<void>
  /**
   * The key with this `kid`. An unknown one is looked up in the database, since another node may have created it. A forged
   * `kid` costs one look-up by id, as an unknown token does.
   */
  find(kid: string): Promise<LoadedKey | undefined>
  /** Calls the listener after a load that found a key removed or revoked. @returns a function that stops it */
  observe(listener: () => void): () => void
  /** Polls the stored keys while this node may have missed a change to them. @returns a function that stops it */
  startRefreshing(): () => void
}

export interface KeyCacheOptions {
  db: Database
  bus: InvalidationBus
  keyWrapper: KeyWrapper
  onTampered: (error: Error) => void
}

/** Milliseconds between two polls of a node that may have missed a change: it applies a revocation within a second. */
const POLL_INTERVAL_MS = 400
/** A node without notifications may miss a rotation: it refreshes keys that are older than this before it signs. */
const MAX_UNCONFIRMED_AGE_MS = 5_000
/** How long a caller, which may hold a connection, waits for a load that may need another one. */
const MAX_LOAD_WAIT_MS = 2_000

/** All stored keys, oldest first. */
export const storedKeys = (db: Database): Promise<SigningKey[]> =>
  db.run(em => em.find(SigningKey, {}, { orderBy: { createdAt: 'asc', id: 'asc' } }))

export function createKeyCache({ db, bus, keyWrapper, onTampered }: KeyCacheOptions): KeyCache {
  let keys = new Map<string, LoadedKey>()
  let revoked: readonly string[] = []
  const observers = new Set<() => void>()
  const reportTampered = createTamperReport(onTampered)
  /** When the last load started; 0: the keys have changed since. */
  let loadedAt = 0
  /** Like `loadedAt`, but a notified change does not reset it. */
  let attemptedAt = 0
  let refreshing = false
  let loading: Promise<void> = Promise.resolve()

  bus.subscribe(({ kind }) => {
    if (kind !== 'keys' && kind !== 'everything') return
    // The cached keys were valid until now, so signing need not wait for the load that starts here.
    if (kind === 'keys' && loadedAt !== 0 && bus.connected) attemptedAt = Date.now()
    loadedAt = 0
    loadInBackground()
  })

  /** Loads run one after another, so that an older result never replaces a newer one. */
  function load(): Promise<void> {
    loading = loading.catch(() => {}).then(readKeys)
    return loading
  }

  const isRecent = () => Date.now() - loadedAt <= MAX_UNCONFIRMED_AGE_MS
  const loadInBackground = () => void load().catch(() => {})

  async function readKeys(): Promise<void> {
    const startedAt = Date.now()
    const loaded = await loadStored(db, keyWrapper)
    const changed = loaded.revoked.length !== revoked.length || [...keys.keys()].some(id => !loaded.keys.has(id))
    keys = loaded.keys
    revoked = loaded.revoked
    loadedAt = startedAt
    attemptedAt = startedAt
    if (changed) for (const observer of observers) observer()
    if (loaded.tampered) reportTampered(loaded.tampered)
  }

  return {
    get keys() {
      return [...keys.values()]
    },
    get revoked() {
      return revoked
    },
    load,
    async loadIfOlderThan(ms) {
      if (Date.now() - loadedAt > ms) await load()
    },
    async refreshIfStale() {
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
    },
    async find(kid) {
      if (!keys.has(kid) && (await isInUse(db, kid, isRecent))) await load()
      return keys.get(kid)
    },
    observe(observer) {
      observers.add(observer)
      return () => void observers.delete(observer)
    },
    startRefreshing: () =>
      repeat(POLL_INTERVAL_MS, () => {
        if (loadedAt === 0 || !bus.connected) loadInBackground()
      }),
  }
}

/**
 * Whether a key that is not cached is stored and still verifies.
 * @param isRecent the cache was loaded recently, so it included all past keys with live tokens. Checking those again for each
 *   forged token would be expensive.
 */
async function isInUse(db: Database, kid: string, isRecent: () => boolean): Promise<boolean> {
  const row = isKid(kid) ? await db.run(em => em.findOne(SigningKey, { id: kid })) : null
  return row !== null && !row.revokedAt && (row.state !== 'past' || !isRecent())
}

interface StoredKeys {
  keys: Map<string, LoadedKey>
  revoked: readonly string[]
  /** The error of the first row that was tampered with. */
  tampered: Error | undefined
}

/** Loads the stored keys that sign or verify. */
async function loadStored(db: Database, keyWrapper: KeyWrapper): Promise<StoredKeys> {
  const rows = await storedKeys(db)
  const verifying = await Promise.all(rows.map(row => stillVerifies(db, row)))
  const results = await Promise.allSettled(rows.filter((_, i) => verifying[i]).map(row => loadKey(row, keyWrapper)))
  return {
    keys: new Map(results.flatMap(result => (result.status === 'fulfilled' ? [[result.value.id, result.value]] : []))),
    revoked: rows.flatMap(row => (row.revokedAt ? [row.id] : [])),
    tampered: results.find(result => result.status === 'rejected')?.reason,
  }
}

/** Reports each row that was tampered with once, and throws its error each time. */
function createTamperReport(onTampered: (error: Error) => void): (error: Error) => never {
  const reported = new Set<string>()
  return error => {
    if (!reported.has(error.message)) onTampered(error)
    reported.add(error.message)
    throw error
  }
}

/** Calls `work` at an interval that does not keep the process alive. @returns a function that stops it */
function repeat(ms: number, work: () => void): () => void {
  const timer = setInterval(work, ms).unref()
  return () => clearInterval(timer)
}
