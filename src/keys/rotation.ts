import { exportJWK, generateKeyPair } from 'jose'
import { record } from '../audit/audit.ts'
import type { Announce } from '../changes/changes.ts'
import type { Algorithm } from '../config.ts'
import type { Em } from '../database.ts'
import { newId } from '../ids.ts'
import { SigningKey } from './key.entity.ts'
import type { Seal } from './sealing.ts'

const SETUP_LOCK = 7_083_201

/** Setting up and rotating are done by one node at a time. */
export const lock = (em: Em) => em.execute('select pg_advisory_xact_lock(?)', [SETUP_LOCK])

/** The next key signs from now on, the current one is past, and there is a new next one. */
export async function promote(em: Em, announce: Announce, seal: Seal, algorithm: Algorithm): Promise<SigningKey> {
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

/** A new pair of keys, its private half sealed. */
export async function make(em: Em, seal: Seal, algorithm: Algorithm, state: 'current' | 'next'): Promise<SigningKey> {
  const id = newId()
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
