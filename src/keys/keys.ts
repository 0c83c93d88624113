import type { JWK, JWTPayload, JWTVerifyGetKey } from 'jose'
import type { Changes } from '../cluster/changes.ts'
import type { Algorithm } from '../config/config.ts'
import type { Database } from '../database/database.ts'
import { waitFor } from '../database/patience.ts'
import { isUuid } from '../text/uuid.ts'
import { SigningKey } from './key.entity.ts'
import { LATE_MS, type LoadedKey, open, verifies } from './loaded.ts'
import { revoke } from './revocation.ts'
import { first, type KeyChange, lock, promoteDue, type Rotation, rotate } from './rotation.ts'
import { isDue, JWKS_MEMORY_MS } from './schedule.ts'
import { createSeal } from './sealing.ts'
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
  watch(listener: () => void): () => void
  /** Makes the first keys of a new database. */
  ensure(): Promise<void>
  /** @throws StartupError that names a row that was tampered with; the other keys are loaded all the same */
  load(): Promise<void>
  /** Looks at the stored keys now and then while this node may have missed a change of them. @returns what ends that */
  keepUp(): () => void
}

export interface KeysOptions {
  db: Database
  changes: Changes
  appKey: string
  /** For keys that are made from now on; those that exist keep theirs. */
  algorithm: Algorithm
  /** Told once of each row that was tampered with. */
  onTampered?: (error: Error) => void
}

/** Milliseconds between two looks of a node that may have missed a change: a revoked key is forgotten within a second. */
const MISSED_MS = 400
/** Without the feed a rotation may go unheard: an older look than this is too old to sign on. */
const UNHEARD_MS = 5_000
/** Whoever holds a connection waits no longer than this for a look that may need one. */
const LONGEST_LOOK_MS = 2_000

export function createKeys({ db, changes, appKey, algorithm, onTampered = () => {} }: KeysOptions): Keys {
  const seal = createSeal(appKey)
  let keys = new Map<string, LoadedKey>()
  let revoked: readonly string[] = []
  const watchers = new Set<() => void>()
  const reported = new Set<string>()
  let lookedAt = 0
  /** As `lookedAt`, but a change that is heard of does not undo it. */
  let sawAt = 0
  let beside = false
  let settling = false
  let looking: Promise<void> = Promise.resolve()

  changes.subscribe(({ kind }) => {
    if (kind !== 'keys' && kind !== 'everything') return
    // What is held here was right until a moment ago, so that signing need not wait for the look that begins now.
    if (kind === 'keys' && lookedAt !== 0 && changes.hearing) sawAt = Date.now()
    lookedAt = 0
    void load().catch(() => {})
  })

  /** One look after another, so that an older one never replaces a newer. */
  function load(): Promise<void> {
    looking = looking.catch(() => {}).then(look)
    return looking
  }

  async function look(): Promise<void> {
    const startedAt = Date.now()
    const rows = await stored()
    const living = await Promise.all(rows.map(row => verifies(db, row)))
    const loaded = await Promise.allSettled(rows.filter((_, i) => living[i]).map(row => open(row, seal)))
    const before = keys
    keys = new Map(loaded.flatMap(result => (result.status === 'fulfilled' ? [[result.value.id, result.value]] : [])))
    const more = rows.flatMap(row => (row.revokedAt ? [row.id] : []))
    const changed = more.length !== revoked.length || [...before.keys()].some(id => !keys.has(id))
    revoked = more
    lookedAt = startedAt
    sawAt = startedAt
    if (changed) for (const watcher of watchers) watcher()
    const failed = loaded.find(result => result.status === 'rejected')
    if (failed) refuse(failed.reason)
  }

  function refuse(error: Error): never {
    if (!reported.has(error.message)) onTampered(error)
    reported.add(error.message)
    throw error
  }

  const lookIfOlderThan = async (ms: number) => {
    if (Date.now() - lookedAt > ms) await load()
  }

  /**
   * Signing goes on inside transactions, and so must not wait for a connection that those may hold between them. A key
   * that was retired a moment ago still verifies: the look is taken beside the signing, for as long as that is so.
   */
  async function keepUp(): Promise<void> {
    if (lookedAt !== 0 && changes.hearing) return
    const age = Date.now() - sawAt
    if (age > UNHEARD_MS && !beside) {
      beside = true
      void load()
        .catch(() => {})
        .finally(() => {
          beside = false
        })
    }
    if (age > LATE_MS - UNHEARD_MS) await waitFor(looking, LONGEST_LOOK_MS)
  }

  /** A key that another node just made is looked for by its id: a forged `kid` costs no more than any unknown token. */
  async function find(kid: string): Promise<LoadedKey | undefined> {
    if (!keys.has(kid) && (await isInUse(kid))) await load()
    return keys.get(kid)
  }

  async function isInUse(kid: string): Promise<boolean> {
    const row = isUuid(kid) ? await db.run(em => em.findOne(SigningKey, { id: kid })) : null
    // Past keys were all here at the last look; asking for each forged token whether one still has tokens is dear.
    return row !== null && !row.revokedAt && (row.state !== 'past' || Date.now() - lookedAt > UNHEARD_MS)
  }

  function signer(): Sign {
    const due = [...keys.values()].find(key => isDue(key))
    if (due) settleBeside()
    const key = due ?? [...keys.values()].find(({ state }) => state === 'current')
    if (key?.sign) return key.sign
    throw new Error('there is no current signing key')
  }

  /** Changes the stored keys, one node at a time, and then what is held here. */
  async function change<T>(work: (change: KeyChange) => Promise<T>): Promise<T> {
    const result = await changes.transaction(async (em, announce) => {
      await lock(em)
      return work({ em, announce, seal })
    })
    await load()
    return result
  }

  /** Whoever signs may hold the only connection, and so does not wait for the state to be stored. */
  function settleBeside(): void {
    if (settling) return
    settling = true
    void change(promoteDue)
      .catch(() => {})
      .finally(() => {
        settling = false
      })
  }

  const stored = () => db.run(em => em.find(SigningKey, {}, { orderBy: { createdAt: 'asc', id: 'asc' } }))

  return {
    load,
    async sign(payload, typ) {
      await keepUp()
      return signer()(payload, typ)
    },
    async verificationKey({ kid, alg }) {
      const key = kid === undefined ? undefined : await find(kid)
      if (!key || key.algorithm !== alg) throw new Error('no such key')
      return key.publicKey
    },
    async jwks() {
      await lookIfOlderThan(JWKS_MEMORY_MS)
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
    revoke: kid => change(each => revoke(each, kid)),
    get revoked() {
      return revoked
    },
    watch(watcher) {
      watchers.add(watcher)
      return () => void watchers.delete(watcher)
    },
    keepUp() {
      const look = () => {
        if (lookedAt === 0 || !changes.hearing) void load().catch(() => {})
      }
      const timer = setInterval(look, MISSED_MS).unref()
      return () => clearInterval(timer)
    },
    async ensure() {
      await load()
      if ([...keys.values()].some(key => key.state === 'current')) return
      await change(async each => {
        if ((await each.em.count(SigningKey, { state: 'current' })) === 0) await first(each, algorithm)
      })
    },
  }
}
