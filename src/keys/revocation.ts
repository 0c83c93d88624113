import { writeAudit } from '../audit/audit.ts'
import { notFound } from '../errors/errors.ts'
import { SigningKey } from './key.entity.ts'
import { isKid, normalKid } from './kid.ts'
import { idsBetween } from './loaded-key.ts'
import { createKey, type KeyChange, promote, promoteDue } from './rotation.ts'
import { signsFrom } from './schedule.ts'

/**
 * Revokes a key permanently. If it is the current key, the next key signs at once, even if it was published only recently.
 * If it is the next key, a new one replaces it. A key that is already revoked is left unchanged.
 * @throws 404 for a `kid` that no key has
 */
export async function revokeSigningKey(change: KeyChange, kid: string): Promise<SigningKey> {
  const { em, publish } = change
  await promoteDue(change)
  const key = isKid(kid) ? await em.findOne(SigningKey, { id: normalKid(kid) }) : null
  if (!key) throw notFound('key')
  // Published again in any case: a node may have missed the first notification.
  publish({ kind: 'keys' })
  if (key.revokedAt) return key
  const at = new Date()
  const { state } = key
  if (state === 'current') await promote(change, await em.findOneOrFail(SigningKey, { state: 'next' }), at)
  em.assign(key, { state: 'past', retiredAt: key.retiredAt ?? at, revokedAt: at })
  await em.flush()
  if (state === 'next') em.persist(await createKey(change, { algorithm: key.algorithm, state: 'next' }))
  writeAudit(em, { kind: 'key.revoked', details: { key: key.id, algorithm: key.algorithm, state } })
  return key
}

/** The range of ids of the tokens that were issued while a key signed; undefined: it never signed. */
export function signedIds(key: SigningKey): readonly [string, string] | undefined {
  const from = signsFrom(key)
  return from ? idsBetween(from.getTime(), (key.retiredAt ?? new Date()).getTime()) : undefined
}
