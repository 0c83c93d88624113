import { exportJWK, generateKeyPair } from 'jose'
import { writeAudit } from '../audit/audit.ts'
import type { Publish } from '../cluster/invalidation-bus.ts'
import type { Algorithm } from '../config/config.ts'
import type { Em } from '../database/database.ts'
import { newId } from '../database/ids.ts'
import { takeLock } from '../database/locks.ts'
import { SigningKey } from './key.entity.ts'
import type { KeyWrapper } from './key-wrapper.ts'
import { newKid } from './kid.ts'
import { isDue, PUBLISH_MS } from './schedule.ts'

/** Only one node at a time may create or rotate keys. */
export const lockKeys = (em: Em) => takeLock(em, 'keys')

/**
 * The outcome of a rotation. `signs`: the key signs from now on. `early`: like `signs`, but cached copies of the JWK Set may
 * lack the key. `scheduled`: the key is published and signs later. `waiting`: it was already scheduled; nothing changed.
 */
export type RotationOutcome = 'signs' | 'early' | 'scheduled' | 'waiting'

/** The key that signs or is scheduled to, and the outcome. */
export type Rotation = SigningKey & { outcome: RotationOutcome }

export interface RotationOptions {
  /** Default: the algorithm of the scheduled key, or the configured one. */
  algorithm: Algorithm | undefined
  configured: Algorithm
  /** true: sign at once, even with a key that cached copies of the JWK Set may lack. */
  now: boolean
}

/** The context of a change to the keys: its transaction, which holds the lock. */
export interface KeyChange {
  em: Em
  publish: Publish
  keyWrapper: KeyWrapper
  /** Begins the `kid` of new keys. */
  tokenPrefix: string
}

/** Makes the next key sign: at once if it has been published for long enough or `now` is set, otherwise later. */
export async function rotate(change: KeyChange, { algorithm, configured, now }: RotationOptions): Promise<Rotation> {
  await promoteDue(change)
  const { em, publish, tokenPrefix } = change
  const next = await em.findOneOrFail(SigningKey, { state: 'next' })
  const chosen = algorithm ?? (next.activatedAt ? next.algorithm : configured)
  if (next.algorithm === chosen && next.activatedAt && !now) return Object.assign(next, { outcome: 'waiting' as const })
  // In an emergency, a published key with another prefix is better than a new one that no verifier has.
  const isNamed = now || next.id.startsWith(tokenPrefix)
  const key = next.algorithm === chosen && isNamed ? next : await replaceNextKey(change, next, chosen)
  const ready = await readyAt(em, key)
  const time = new Date()
  const isEarly = ready > time
  const signsAt = isEarly && !now ? ready : time
  const current = await em.findOneOrFail(SigningKey, { state: 'current' })
  const details = { retired: current.id, current: key.id, algorithm: chosen, signs_from: signsAt.toISOString() }
  writeAudit(em, { kind: 'key.rotated', details })
  if (signsAt > time) em.assign(key, { activatedAt: signsAt })
  else await promote(change, key, signsAt)
  publish({ kind: 'keys' })
  return Object.assign(key, { outcome: outcomeOf(isEarly, now) })
}

const outcomeOf = (isEarly: boolean, now: boolean): RotationOutcome =>
  !isEarly ? 'signs' : now ? 'early' : 'scheduled'

/** Promotes a scheduled key to the current one if it is due, and creates a new next key. */
export async function promoteDue(change: KeyChange): Promise<void> {
  const next = await change.em.findOne(SigningKey, { state: 'next' })
  if (!next?.activatedAt || !isDue(next)) return
  await promote(change, next, next.activatedAt)
  change.publish({ kind: 'keys' })
}

/**
 * Makes the next key the current one and creates a new next key.
 * @param from when it started signing. The previous key may have signed until now, on a node whose clock is slow.
 */
export async function promote(change: KeyChange, next: SigningKey, from: Date): Promise<void> {
  const { em } = change
  const current = await em.findOneOrFail(SigningKey, { state: 'current' })
  em.assign(current, { state: 'past', retiredAt: new Date() })
  await em.flush()
  em.assign(next, { state: 'current', activatedAt: from })
  await em.flush()
  em.persist(await createKey(change, { algorithm: next.algorithm, state: 'next' }))
}

/**
 * Replaces a next key by a new one. A scheduled key becomes a past key, since a node that receives this change late may
 * still sign with it.
 */
async function replaceNextKey(change: KeyChange, next: SigningKey, algorithm: Algorithm): Promise<SigningKey> {
  const { em } = change
  if (next.activatedAt) em.assign(next, { state: 'past', retiredAt: new Date() })
  else em.remove(next)
  await em.flush()
  const key = await createKey(change, { algorithm, state: 'next' })
  em.persist(key)
  await em.flush()
  return key
}

/** When every cached copy of the JWK Set has the key. The first two keys are published together, so no copy lacks one. */
async function readyAt(em: Em, { createdAt }: SigningKey): Promise<Date> {
  const older = await em.count(SigningKey, { createdAt: { $lt: createdAt } })
  return older === 0 ? createdAt : new Date(createdAt.getTime() + PUBLISH_MS)
}

/** Creates the first two keys of a new database: the current one and the next one, which are published together. */
export async function createFirstKeys(change: KeyChange, algorithm: Algorithm): Promise<void> {
  const at = new Date()
  change.em.persist(await createKey(change, { algorithm, state: 'current', at }))
  change.em.persist(await createKey(change, { algorithm, state: 'next', at }))
}

interface NewKey {
  algorithm: Algorithm
  state: 'current' | 'next'
  at?: Date
}

/** Generates a key pair and wraps its private key. */
export async function createKey(change: KeyChange, { algorithm, state, at }: NewKey): Promise<SigningKey> {
  const { em, keyWrapper, tokenPrefix } = change
  const id = newKid(tokenPrefix, newId())
  const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true })
  const createdAt = at ?? new Date()
  return em.create(SigningKey, {
    id,
    algorithm,
    state,
    publicKey: { ...(await exportJWK(publicKey)), kid: id, alg: algorithm, use: 'sig' },
    privateKey: await keyWrapper.wrapKey(await exportJWK(privateKey), id),
    createdAt,
    activatedAt: state === 'current' ? createdAt : null,
  })
}
