import type { Em } from '../database/database.ts'
import { decryptUnder, encryptUnder } from '../security/encrypt.ts'
import type { TokenResponse } from './grant.ts'
import { RefreshToken } from './refresh.entity.ts'

/** The answer that a refresh token was traded for, kept for whoever lost it. */
export interface Replay {
  answer: TokenResponse
  /** When its access token expires, in milliseconds since the epoch. */
  expiresAt: number
}

const PURPOSE = 'postern refresh replay'

/**
 * Keeps the answer with the token that was traded for it. The one before it in the family goes: its refresh token is being
 * used, so somebody received it.
 */
export async function storeReplay(em: Em, refreshToken: RefreshToken, text: string, replay: Replay): Promise<void> {
  await em.nativeUpdate(RefreshToken, { grant: refreshToken.grant, replay: { $ne: null } }, { replay: null })
  await em.nativeUpdate(RefreshToken, { id: refreshToken.id }, { replay: await encryptUnder(text, PURPOSE, replay) })
}

/**
 * The very same answer once more, for as long as the grace lasts and it is kept.
 * @returns undefined when it is not to be had any more
 */
export async function readReplay(refreshToken: RefreshToken, text: string, graceMs: number) {
  const now = Date.now()
  if (!refreshToken.replay || !refreshToken.usedAt || refreshToken.usedAt.getTime() + graceMs <= now) return undefined
  const { answer, expiresAt } = await decryptUnder<Replay>(text, PURPOSE, refreshToken.replay)
  return { ...answer, expires_in: Math.max(0, Math.ceil((expiresAt - now) / 1000)) }
}
