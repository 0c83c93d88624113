import { type CryptoKey, importJWK, type JWK } from 'jose'
import { v7 as uuid } from 'uuid'
import type { Algorithm } from '../config/config.ts'
import type { Database } from '../database/database.ts'
import type { KeyState, SigningKey } from './key.entity.ts'
import { type KeyWrapper, tampered } from './key-wrapper.ts'
import { createSigner, type Sign } from './signer.ts'

/** A signing key in the memory of a node. */
export interface LoadedKey {
  id: string
  algorithm: Algorithm
  state: KeyState
  activatedAt: Date | null | undefined
  jwk: JWK
  publicKey: CryptoKey
  /** undefined for past keys. */
  sign: Sign | undefined
}

/** Milliseconds after a rotation within which a node that has not received it may still sign with the retired key. */
export const PROPAGATION_MS = 60_000

/** The public JWK members by algorithm (RFC 7518 §6, RFC 8037 §2). */
const PUBLIC: Record<Algorithm, readonly (keyof JWK & string)[]> = {
  ES256: ['kty', 'crv', 'x', 'y'],
  EdDSA: ['kty', 'crv', 'x'],
  RS256: ['kty', 'n', 'e'],
}

/**
 * Loads a key from its row. The public key is taken from the wrapped key, never from its own column, so that an attacker
 * who can write to the table but does not have APP_KEY cannot publish a key.
 * @throws StartupError that names the row, when the private key was wrapped under another APP_KEY or the row was changed
 */
export async function loadKey(row: SigningKey, keyWrapper: KeyWrapper): Promise<LoadedKey> {
  const { id, algorithm, state, activatedAt } = row
  const privateJwk = await keyWrapper.unwrapKey(row.privateKey, id)
  const jwk = publicHalf(row, privateJwk)
  return {
    id,
    algorithm,
    state,
    activatedAt,
    jwk,
    publicKey: (await importJWK(jwk, algorithm)) as CryptoKey,
    sign: state === 'past' ? undefined : createSigner(id, algorithm, privateJwk),
  }
}

function publicHalf({ id, algorithm, publicKey }: SigningKey, privateJwk: JWK): JWK {
  const names = PUBLIC[algorithm] ?? []
  // A missing member means that the key is of another algorithm.
  const matches = names.every(name => privateJwk[name] !== undefined && publicKey?.[name] === privateJwk[name])
  if (names.length === 0 || !matches) throw tampered(id)
  return { ...Object.fromEntries(names.map(name => [name, privateJwk[name]])), kid: id, alg: algorithm, use: 'sig' }
}

/**
 * Whether tokens of this key may still be live. A recently retired key always verifies, since tokens that it has signed
 * may not be stored yet.
 */
export const stillVerifies = async (db: Database, key: SigningKey): Promise<boolean> =>
  !key.revokedAt &&
  (key.state !== 'past' ||
    (key.retiredAt ?? key.createdAt).getTime() > Date.now() - PROPAGATION_MS ||
    hasLiveTokens(db, key))

/** Ids are UUIDv7, so the ids of tokens issued while a key signed are one range of the primary key. */
async function hasLiveTokens(db: Database, key: SigningKey): Promise<boolean> {
  const [from, to] = idsBetween(
    (key.activatedAt ?? key.createdAt).getTime() - PROPAGATION_MS,
    (key.retiredAt ?? key.createdAt).getTime() + PROPAGATION_MS,
  )
  const rows = await db.query(
    `select 1 from oauth_access_tokens
     where id between ? and ? and format = 'jwt' and not revoked and expires_at > now() limit 1`,
    [from, to],
  )
  return rows.length > 0
}

/** The lowest and the highest possible UUIDv7 between two times, in milliseconds since the epoch. */
export const idsBetween = (from: number, to: number): readonly [string, string] => [
  uuid({ msecs: from, random: new Uint8Array(16) }),
  uuid({ msecs: to, random: new Uint8Array(16).fill(255) }),
]
