import { hkdfSync } from 'node:crypto'
import { CompactEncrypt, compactDecrypt } from 'jose'
import type { Em } from '../database.ts'
import type { TokenAnswer } from './grant.ts'
import { RefreshToken } from './refresh.entity.ts'

/** The answer that a refresh token was traded for, kept for whoever lost it. */
export interface Replay {
  answer: TokenAnswer
  /** When its access token expires, in milliseconds since the epoch. */
  expiresAt: number
}

/**
 * Keeps the answer with the token that was traded for it. The one before it in the family goes: its refresh token is being
 * used, so somebody received it.
 */
export async function keepReplay(em: Em, link: RefreshToken, text: string, replay: Replay): Promise<void> {
  await em.nativeUpdate(RefreshToken, { grant: link.grant, replay: { $ne: null } }, { replay: null })
  await em.nativeUpdate(RefreshToken, { id: link.id }, { replay: await seal(text, replay) })
}

/**
 * The very same answer once more, for as long as the grace lasts and it is kept.
 * @returns undefined when it is not to be had any more
 */
export async function recallReplay(link: RefreshToken, text: string, graceMs: number) {
  const now = Date.now()
  if (!link.replay || !link.usedAt || link.usedAt.getTime() + graceMs <= now) return undefined
  const { answer, expiresAt } = await open(text, link.replay)
  return { ...answer, expires_in: Math.max(0, Math.ceil((expiresAt - now) / 1000)) }
}

/**
 * Encrypts it (JWE, RFC 7516: `dir`, A256GCM) under a key made of the traded token's own text. The database has that
 * text's hash and nothing more, so it cannot read what it keeps.
 */
const seal = (text: string, replay: Replay): Promise<string> =>
  new CompactEncrypt(new TextEncoder().encode(JSON.stringify(replay)))
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
    .encrypt(keyOf(text))

async function open(text: string, sealed: string): Promise<Replay> {
  const { plaintext } = await compactDecrypt(sealed, keyOf(text))
  return JSON.parse(new TextDecoder().decode(plaintext))
}

/** HKDF (RFC 5869) rather than a plain hash: that is what the database has. */
const keyOf = (text: string) => new Uint8Array(hkdfSync('sha256', text, '', 'postern refresh replay', 32))
