import { hashSecret } from '../security/secrets.ts'
import type { ClientSecret } from './client.entity.ts'

/** A secret as it is stored. @param expiresAt null: until it is rotated */
export const toStoredSecret = (text: string, expiresAt: Date | null = null): ClientSecret => ({
  hash: hashSecret(text).toString('hex'),
  created_at: new Date().toISOString(),
  expires_at: expiresAt?.toISOString() ?? null,
  used_at: null,
})

const isLive = ({ expires_at }: ClientSecret, now: number) => expires_at === null || Date.parse(expires_at) > now

/**
 * Whether the newest secret replaces one that still lives, and nobody has used it: the answer that showed it may have
 * been lost.
 */
export const isUnused = ([newest, before]: readonly ClientSecret[], now = Date.now()): boolean =>
  newest?.used_at === null && before !== undefined && isLive(before, now)

/**
 * The secret that lives on beside a new one: the newest of those that still live, until the overlap ends or it expires
 * by itself. Where that was never used, the one that it replaced lives on in its place, until the end that it was
 * promised.
 * @param overlap seconds; 0: none lives on
 */
export function afterRotation(secrets: readonly ClientSecret[], overlap: number, now = Date.now()): ClientSecret[] {
  if (overlap > 0 && isUnused(secrets, now)) return secrets.slice(1, 2)
  const end = now + overlap * 1000
  const until = ({ expires_at }: ClientSecret) => Math.min(expires_at === null ? end : Date.parse(expires_at), end)
  return secrets
    .filter(secret => until(secret) > now)
    .slice(0, 1)
    .map(secret => ({ ...secret, expires_at: new Date(until(secret)).toISOString() }))
}
