import { writeAudit } from '../audit/audit.ts'
import { notFound } from '../errors/errors.ts'
import { isUuid } from '../text/uuid.ts'
import { SigningKey } from './key.entity.ts'
import { idsBetween } from './loaded-key.ts'
import { createKey, type KeyChange, promote, promoteDue } from './rotation.ts'
import { signsFrom } from './schedule.ts'

/**
 * Withdraws a key for good. If it is the one that signs, the next key signs at once, published for long or not; if it is
 * the next one, another takes its place. A key that is revoked already is left as it is.
 * @throws 404 for a `kid` that no key has
 */
export async function revokeSigningKey(change: KeyChange, kid: string): Promise<SigningKey> {
  const { em, publish, keyWrapper } = change
  await promoteDue(change)
  const key = isUuid(kid) ? await em.findOne(SigningKey, { id: kid.toLowerCase() }) : null
  if (!key) throw notFound('key')
  // Said again in any case: a node may have missed it the first time.
  publish({ kind: 'keys' })
  if (key.revokedAt) return key
  const at = new Date()
  const { state } = key
  if (state === 'current') await promote(change, await em.findOneOrFail(SigningKey, { state: 'next' }), at)
  em.assign(key, { state: 'past', retiredAt: key.retiredAt ?? at, revokedAt: at })
  await em.flush()
  if (state === 'next') em.persist(await createKey(keyWrapper, em, { algorithm: key.algorithm, state: 'next' }))
  writeAudit(em, { kind: 'key.revoked', details: { key: key.id, algorithm: key.algorithm, state } })
  return key
}

/** Ids of the tokens that were made while a key signed; undefined: it never did. */
export function signedIds(key: SigningKey): readonly [string, string] | undefined {
  const from = signsFrom(key)
  return from ? idsBetween(from.getTime(), (key.retiredAt ?? new Date()).getTime()) : undefined
}
