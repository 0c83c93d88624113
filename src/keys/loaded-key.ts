import { type CryptoKey, importJWK, type JWK } from 'jose'
import { v7 as uuid } from 'uuid'
import type { Algorithm } from '../config/config.ts'
import type { Database } from '../database/database.ts'
import type { KeyState, SigningKey } from './key.entity.ts'
import { type KeyWrapper, tampered } from './key-wrapper.ts'
import { createSigner, type Sign } from './signer.ts'

/** A key as a node holds it in memory. */
export interface LoadedKey {
  id: string
  algorithm: Algorithm
  state: KeyState
  activatedAt: Date | null | undefined
  jwk: JWK
  publicKey: CryptoKey
  /** Not of past keys. */
  sign: Sign | undefined
}

/** A node that has not heard of a rotation yet still signs with the key that was retired a moment ago. */
export const PROPAGATION_MS = 60_000

/** The public members of each type of key (RFC 7518 §6, RFC 8037 §2). */
const PUBLIC: Record<Algorithm, readonly (keyof JWK & string)[]> = {
  ES256: ['kty', 'crv', 'x', 'y'],
  EdDSA: ['kty', 'crv', 'x'],
  RS256: ['kty', 'n', 'e'],
}

/**
 * The public half comes from the sealed key, never from its own column: whoever can write into the table, and has no
 * APP_KEY, publishes nothing.
 * @throws StartupError that names the row, when the private key was sealed under another APP_KEY or the row was changed
 */
export async function loadKey(row: SigningKey, keyWrapper: KeyWrapper): Promise<LoadedKey> {
  const { id, algorithm, state, activatedAt } = row
  const sealed = await keyWrapper.unwrapKey(row.privateKey, id)
  const jwk = publicHalf(row, sealed)
  return {
    id,
    algorithm,
    state,
    activatedAt,
    jwk,
    publicKey: (await importJWK(jwk, algorithm)) as CryptoKey,
    sign: state === 'past' ? undefined : createSigner(id, algorithm, sealed),
  }
}

function publicHalf({ id, algorithm, publicKey }: SigningKey, sealed: JWK): JWK {
  const names = PUBLIC[algorithm] ?? []
  // A member that the sealed key lacks belongs to a key of another algorithm.
  const same = names.every(name => sealed[name] !== undefined && publicKey?.[name] === sealed[name])
  if (names.length === 0 || !same) throw tampered(id)
  return { ...Object.fromEntries(names.map(name => [name, sealed[name]])), kid: id, alg: algorithm, use: 'sig' }
}

/** A key just retired counts whatever its tokens: some may have been signed and not be stored yet. */
export const stillVerifies = async (db: Database, key: SigningKey): Promise<boolean> =>
  !key.revokedAt &&
  (key.state !== 'past' ||
    (key.retiredAt ?? key.createdAt).getTime() > Date.now() - PROPAGATION_MS ||
    hasLiveTokens(db, key))

/** Ids are UUIDv7, so those made while a key signed lie in one range of the primary key. */
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

/** The first and the last id that can have been made between two times, in milliseconds since the epoch. */
export const idsBetween = (from: number, to: number): readonly [string, string] => [
  uuid({ msecs: from, random: new Uint8Array(16) }),
  uuid({ msecs: to, random: new Uint8Array(16).fill(255) }),
]
