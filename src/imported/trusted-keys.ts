import { createPublicKey, type KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { calculateJwkThumbprint, exportJWK, type JWK } from 'jose'
import { writeAudit } from '../audit/audit.ts'
import type { InvalidationBus } from '../cluster/invalidation-bus.ts'
import type { Em } from '../database/database.ts'
import { notFound, StartupError } from '../errors/errors.ts'
import { refreshJwtsOf } from './refresh-status.ts'
import { ImportSource } from './source.entity.ts'

/** A key by which the issuer accepts JWTs that another system issued and whose rows were imported. */
export interface TrustedKey {
  kid: string
  algorithm: string
  source: string
}

const MIN_RSA_BITS = 2_048
/** Every JWT of another system may have to be verified by each of them. */
const MAX_KEYS = 10

/**
 * Reads a public key in PEM (SPKI or PKCS #1), as in Passport's `oauth-public.key`.
 * @returns the key as a JWK with `alg` and its thumbprint as `kid`
 * @throws StartupError for a private key, which does not belong here, and for anything else
 */
export async function readPublicKey(file: string): Promise<JWK> {
  const pem = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new StartupError(`${file} cannot be read (${error.code}).`, error)
  })
  if (pem.includes('PRIVATE KEY')) throw new StartupError(`${file} is a private key. Only the public key is needed.`)
  const key = parse(pem, file)
  const jwk = await exportJWK(key)
  return { ...jwk, alg: algorithmOf(key, file), use: 'sig', kid: await calculateJwkThumbprint(jwk) }
}

function parse(pem: string, file: string): KeyObject {
  try {
    return createPublicKey(pem)
  } catch (error) {
    throw new StartupError(`${file} is not a public key in PEM.`, error)
  }
}

function algorithmOf({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject, file: string): string {
  if (type === 'rsa' && (details?.modulusLength ?? 0) >= MIN_RSA_BITS) return 'RS256'
  if (type === 'ec' && details?.namedCurve === 'prime256v1') return 'ES256'
  if (type === 'ed25519') return 'EdDSA'
  throw new StartupError(`${file}: the key must be RSA with at least ${MIN_RSA_BITS} bits, P-256 or Ed25519.`)
}

/**
 * Trusts a key for the JWTs of a source. The source may be imported later, from Passport.
 * @throws StartupError when the source has too many keys
 */
export async function trustKey(bus: InvalidationBus, source: string, key: JWK): Promise<TrustedKey> {
  const now = new Date()
  await bus.transaction(async (em, publish) => {
    let stored = await em.findOne(ImportSource, { name: source })
    if (!stored) {
      const row = {
        name: source,
        system: 'passport' as const,
        keys: [],
        encryptedKey: null,
        neverEndsAt: null,
        settings: null,
      }
      stored = em.create(ImportSource, { ...row, scopesOfText: false, createdAt: now, updatedAt: now })
      em.persist(stored)
    }
    if (stored.keys.some(({ kid }) => kid === key.kid)) return
    if (stored.keys.length >= MAX_KEYS) throw new StartupError(`The source "${source}" has ${MAX_KEYS} keys already.`)
    stored.keys = [...stored.keys, key]
    stored.updatedAt = now
    publish({ kind: 'keys' })
    writeAudit(em, { kind: 'key.trusted', details: { key: key.kid, source } })
  })
  return toTrusted(source, key)
}

/**
 * From then on the JWTs that the key signed are rejected, within a second also by guards that accepted them. A call that was
 * interrupted can be repeated.
 * @returns the key, for each source that trusted it
 * @throws 404
 */
export async function distrustKey(bus: InvalidationBus, kid: string): Promise<TrustedKey[]> {
  const distrusted = await bus.transaction(async (em, publish) => {
    const found: TrustedKey[] = []
    for (const source of await em.find(ImportSource, {})) {
      const key = source.keys.find(each => each.kid === kid)
      if (!key) continue
      source.keys = source.keys.filter(each => each !== key)
      source.updatedAt = new Date()
      found.push(toTrusted(source.name, key))
    }
    if (found.length === 0) return findDistrusted(em, kid)
    publish({ kind: 'keys' })
    for (const { source, algorithm } of found)
      writeAudit(em, { kind: 'key.distrusted', details: { key: kid, source, algorithm } })
    return found
  })
  // A guard asks again after this, and the issuer no longer knows the key.
  for (const { source } of distrusted) await refreshJwtsOf(bus, source)
  return distrusted
}

const DISTRUSTED = `
  select distinct on (details ->> 'source') details ->> 'source' as source, details ->> 'algorithm' as algorithm
  from audit_events where kind = 'key.distrusted' and details ->> 'key' = ? order by details ->> 'source', id desc`

/** A key that was distrusted before. @throws 404 */
async function findDistrusted(em: Em, kid: string): Promise<TrustedKey[]> {
  const rows = (await em.execute(DISTRUSTED, [kid])) as { source: string; algorithm: string | null }[]
  if (rows.length === 0) throw notFound('key')
  return rows.map(({ source, algorithm }) => ({ kid, algorithm: algorithm ?? '', source }))
}

export const trustedKeys = (sources: readonly ImportSource[]): TrustedKey[] =>
  sources.flatMap(({ name, keys }) => keys.map(key => toTrusted(name, key)))

const toTrusted = (source: string, { kid, alg }: JWK): TrustedKey => ({
  kid: kid as string,
  algorithm: alg as string,
  source,
})
