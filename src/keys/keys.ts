import {
  type CryptoKey,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWK,
  type JWTPayload,
  type JWTVerifyGetKey,
  SignJWT,
} from 'jose'
import { v7 as uuid } from 'uuid'
import { record } from '../audit/audit.ts'
import type { Announce, Changes } from '../changes/changes.ts'
import type { Algorithm } from '../config.ts'
import type { Database, Em } from '../database.ts'
import { type KeyState, SigningKey } from './key.entity.ts'
import { createSeal, type Seal } from './sealing.ts'

/** The keys of this issuer: one signs, one is published and waits, the past ones verify while their tokens live. */
export interface Keys {
  /** Signs with the current key; sets `alg`, `kid` and the `typ` given. */
  sign(payload: JWTPayload, typ: string): Promise<string>
  /** The public key of a header, for jose; rejects an unknown or retired `kid` and another algorithm than the key's. */
  verificationKey: JWTVerifyGetKey
  /** The public keys as a JWK Set (RFC 7517 §5). */
  jwks(): { keys: JWK[] }
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
  privateKey: CryptoKey | undefined
}

/** A node that has not heard of a rotation yet still signs with the key that was retired a moment ago. */
const LATE_MS = 60_000
/** An unknown `kid` may be a key that another node just made: worth one look, but not one for each forged token. */
const RELOAD_MS = 5_000
const SETUP_LOCK = 7_083_201

export function createKeys({ db, changes, appKey, algorithm }: KeysOptions): Keys {
  const seal = createSeal(appKey)
  let keys = new Map<string, LoadedKey>()
  let lookedAt = 0

  changes.subscribe(({ kind }) => {
    if (kind !== 'keys' && kind !== 'everything') return
    lookedAt = 0
    void load().catch(() => {})
  })

  async function load(): Promise<void> {
    lookedAt = Date.now()
    const rows = await db.run(em => em.find(SigningKey, {}, { orderBy: { createdAt: 'asc' } }))
    const living = await Promise.all(rows.map(row => row.state !== 'past' || hasLiveTokens(db, row)))
    const loaded = await Promise.all(rows.filter((_, i) => living[i]).map(row => open(row, seal)))
    keys = new Map(loaded.map(key => [key.id, key]))
  }

  async function find(kid: string): Promise<LoadedKey | undefined> {
    if (!keys.has(kid) && Date.now() - lookedAt > RELOAD_MS) await load()
    return keys.get(kid)
  }

  function current(): LoadedKey & { privateKey: CryptoKey } {
    const key = [...keys.values()].find(k => k.state === 'current')
    if (!key?.privateKey) throw new Error('there is no current signing key')
    return key as LoadedKey & { privateKey: CryptoKey }
  }

  return {
    load,
    sign(payload, typ) {
      const { id, algorithm: alg, privateKey } = current()
      return new SignJWT(payload).setProtectedHeader({ alg, kid: id, typ }).sign(privateKey)
    },
    async verificationKey({ kid, alg }) {
      const key = kid === undefined ? undefined : await find(kid)
      if (!key || key.algorithm !== alg) throw new Error('no such key')
      return key.publicKey
    },
    jwks: () => ({ keys: [...keys.values()].map(k => k.jwk) }),
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

/** Setting up and rotating are done by one node at a time. */
const lock = (em: Em) => em.execute('select pg_advisory_xact_lock(?)', [SETUP_LOCK])

async function promote(em: Em, announce: Announce, seal: Seal, algorithm: Algorithm): Promise<SigningKey> {
  const now = new Date()
  const current = await em.findOneOrFail(SigningKey, { state: 'current' })
  let next = await em.findOneOrFail(SigningKey, { state: 'next' })
  if (next.algorithm !== algorithm) {
    em.remove(next)
    await em.flush()
    next = await make(em, seal, algorithm, 'next')
    em.persist(next)
    await em.flush()
  }
  em.assign(current, { state: 'past', retiredAt: now })
  await em.flush()
  em.assign(next, { state: 'current', activatedAt: now })
  await em.flush()
  em.persist(await make(em, seal, algorithm, 'next'))
  announce({ kind: 'keys' })
  record(em, { kind: 'key.rotated', details: { retired: current.id, current: next.id, algorithm } })
  return next
}

async function make(em: Em, seal: Seal, algorithm: Algorithm, state: 'current' | 'next'): Promise<SigningKey> {
  const id = uuid()
  const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true })
  const now = new Date()
  return em.create(SigningKey, {
    id,
    algorithm,
    state,
    publicKey: { ...(await exportJWK(publicKey)), kid: id, alg: algorithm, use: 'sig' },
    privateKey: await seal.close(await exportJWK(privateKey), id),
    createdAt: now,
    activatedAt: state === 'current' ? now : null,
  })
}

async function open(row: SigningKey, seal: Seal): Promise<LoadedKey> {
  const { id, algorithm, state, publicKey } = row
  return {
    id,
    algorithm,
    state,
    jwk: publicKey,
    publicKey: (await importJWK(publicKey, algorithm)) as CryptoKey,
    privateKey:
      state === 'current'
        ? ((await importJWK(await seal.open(row.privateKey, id), algorithm)) as CryptoKey)
        : undefined,
  }
}

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
