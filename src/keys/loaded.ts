import { type CryptoKey, importJWK, type JWK } from 'jose'
import { v7 as uuid } from 'uuid'
import type { Algorithm } from '../config.ts'
import type { Database } from '../database.ts'
import type { KeyState, SigningKey } from './key.entity.ts'
import type { Seal } from './sealing.ts'
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
export const LATE_MS = 60_000

/** @throws StartupError when the private key was sealed under another APP_KEY */
export async function open(row: SigningKey, seal: Seal): Promise<LoadedKey> {
  const { id, algorithm, state, activatedAt, publicKey } = row
  return {
    id,
    algorithm,
    state,
    activatedAt,
    jwk: publicKey,
    publicKey: (await importJWK(publicKey, algorithm)) as CryptoKey,
    sign: state === 'past' ? undefined : createSigner(id, algorithm, await seal.open(row.privateKey, id)),
  }
}

/** A key just retired counts whatever its tokens: some may have been signed and not be stored yet. */
export const verifies = async (db: Database, key: SigningKey): Promise<boolean> =>
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
