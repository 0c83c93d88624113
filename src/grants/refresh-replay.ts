import type { Em } from '../database/database.ts'
import { decryptUnder, encryptUnder } from '../security/encrypt.ts'
import type { TokenResponse } from './grant.ts'
import { RefreshToken } from './refresh.entity.ts'

/** The response to a refresh request, stored in case the client did not receive it. */
export interface Replay {
  answer: TokenResponse
  /** When its access token expires, in milliseconds since the epoch. */
  expiresAt: number
}

const PURPOSE = 'postern refresh replay'

/**
 * Stores the response with the refresh token that was redeemed for it. Deletes the previous response of the family: its
 * refresh token has now been used, so the client has received it.
 */
export async function storeReplay(em: Em, refreshToken: RefreshToken, text: string, replay: Replay): Promise<void> {
  await em.nativeUpdate(RefreshToken, { grant: refreshToken.grant, replay: { $ne: null } }, { replay: null })
  await em.nativeUpdate(RefreshToken, { id: refreshToken.id }, { replay: await encryptUnder(text, PURPOSE, replay) })
}

/**
 * Returns the stored response again, within the grace period.
 * @returns undefined if it is no longer available
 */
export async function readReplay(refreshToken: RefreshToken, text: string, graceMs: number) {
  const now = Date.now()
  if (!refreshToken.replay || !refreshToken.usedAt || refreshToken.usedAt.getTime() + graceMs <= now) return undefined
  const { answer, expiresAt } = await decryptUnder<Replay>(text, PURPOSE, refreshToken.replay)
  return { ...answer, expires_in: Math.max(0, Math.ceil((expiresAt - now) / 1000)) }
}
