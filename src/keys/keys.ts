import { type CryptoKey, importJWK, type JWK, type JWTPayload, type JWTVerifyGetKey } from 'jose'
import { validate as isUuid, v7 as uuid } from 'uuid'
import type { Changes } from '../changes/changes.ts'
import type { Algorithm } from '../config.ts'
import type { Database } from '../database.ts'
import { waitFor } from '../patience.ts'
import { type KeyState, SigningKey } from './key.entity.ts'
import { lock, make, promote } from './rotation.ts'
import { createSeal, type Seal } from './sealing.ts'
import { createSigner, type Sign } from './signer.ts'

/** The keys of this issuer: one signs, one is published and waits, the past ones verify while their tokens live. */
export interface Keys {
  /** Signs with the current key; sets `alg`, `kid` and the `typ` given. */
  sign(payload: JWTPayload, typ: string): Promise<string>
  /** The public key of a header, for jose; rejects an unknown or retired `kid` and another algorithm than the key's. */
  verificationKey: JWTVerifyGetKey
  /** The public keys as a JWK Set (RFC 7517 §5). */
  jwks(): Promise<{ keys: JWK[] }>
  /** What it signs with now, and after the next rotation. */
  algorithms(): Algorithm[]
  list(): Promise<SigningKey[]>
  /** Lets the next key sign, retires the current one, and makes a new next one. */
  rotate(algorithm?: Algorithm): Promise<SigningKey>
  /** Makes the first keys of a new database. */
  ensure(): Promise<void>
  load(): Promise<void>
}

export interface KeysOptions {
  db: Database
  changes: Changes
  appKey: string
  /** For keys that are made from now on; those that exist keep theirs. */
  algorithm: Algorithm
}

interface LoadedKey {
  id: string
  algorithm: Algorithm
  state: KeyState
  jwk: JWK
  publicKey: CryptoKey
  /** Only of the current key. */
  sign: Sign | undefined
}

/** A node that has not heard of a rotation yet still signs with the key that was retired a moment ago. */
const LATE_MS = 60_000
/** Without the feed a rotation may go unheard: an older look than this is too old to sign on. */
const UNHEARD_MS = 5_000
/** Whoever holds a connection waits no longer than this for a look that may need one. */
const LONGEST_LOOK_MS = 2_000
/** How long the JWK Set may name a past key whose last token has died. */
const OLDEST_MS = 300_000

export function createKeys({ db, changes, appKey, algorithm }: KeysOptions): Keys {
  const seal = createSeal(appKey)
  let keys = new Map<string, LoadedKey>()
  let lookedAt = 0
  /** As `lookedAt`, but a change that is heard of does not undo it. */
  let sawAt = 0
  let beside = false
  let looking: Promise<void> = Promise.resolve()

  changes.subscribe(({ kind }) => {
    if (kind !== 'keys' && kind !== 'everything') return
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
    const rows = await db.run(em => em.find(SigningKey, {}, { orderBy: { createdAt: 'asc' } }))
    const living = await Promise.all(rows.map(row => verifies(db, row)))
    const loaded = await Promise.all(rows.filter((_, i) => living[i]).map(row => open(row, seal)))
    keys = new Map(loaded.map(key => [key.id, key]))
    lookedAt = startedAt
    sawAt = startedAt
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
    return row !== null && (row.state !== 'past' || Date.now() - lookedAt > UNHEARD_MS)
  }

  function signer(): Sign {
    const current = [...keys.values()].find(k => k.state === 'current')
    if (current?.sign) return current.sign
    throw new Error('there is no current signing key')
  }

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
      await lookIfOlderThan(OLDEST_MS)
      return { keys: [...keys.values()].map(k => k.jwk) }
    },
    algorithms: () => [
      ...new Set([...keys.values()].filter(({ state }) => state !== 'past').map(key => key.algorithm)),
    ],
    list: () => db.run(em => em.find(SigningKey, {}, { orderBy: { createdAt: 'asc' } })),
    async rotate(chosen) {
      const key = await changes.transaction(async (em, announce) => {
        await lock(em)
        return promote(em, announce, seal, chosen ?? algorithm)
      })
      await load()
      return key
    },
    async ensure() {
      await load()
      if ([...keys.values()].some(key => key.state === 'current')) return
      await changes.transaction(async em => {
        await lock(em)
        if ((await em.count(SigningKey, { state: 'current' })) > 0) return
        em.persist([await make(em, seal, algorithm, 'current'), await make(em, seal, algorithm, 'next')])
      })
      await load()
    },
  }
}

async function open(row: SigningKey, seal: Seal): Promise<LoadedKey> {
  const { id, algorithm, state, publicKey } = row
  return {
    id,
    algorithm,
    state,
    jwk: publicKey,
    publicKey: (await importJWK(publicKey, algorithm)) as CryptoKey,
    sign: state === 'current' ? createSigner(id, algorithm, await seal.open(row.privateKey, id)) : undefined,
  }
}

/** A key just retired counts whatever its tokens: some may have been signed and not be stored yet. */
const verifies = async (db: Database, key: SigningKey): Promise<boolean> =>
  key.state !== 'past' || (key.retiredAt ?? key.createdAt).getTime() > Date.now() - LATE_MS || hasLiveTokens(db, key)

/** Ids are UUIDv7, so those made while a key signed lie in one range of the primary key. */
async function hasLiveTokens(db: Database, key: SigningKey): Promise<boolean> {
  const from = uuid({ msecs: (key.activatedAt ?? key.createdAt).getTime() - LATE_MS, random: new Uint8Array(16) })
  const to = uuid({ msecs: (key.retiredAt ?? key.createdAt).getTime() + LATE_MS, random: new Uint8Array(16).fill(255) })
  const rows = await db.query(
    `select 1 from oauth_access_tokens
     where id between ? and ? and format = 'jwt' and not revoked and expires_at > now() limit 1`,
    [from, to],
  )
  return rows.length > 0
}
