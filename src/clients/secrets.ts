import { hashSecret } from '../security/secrets.ts'
import type { Client, ClientSecret } from './client.entity.ts'

/** Hashes a secret for storage. @param expiresAt null: it does not expire before it is rotated */
export const toStoredSecret = (text: string, expiresAt: Date | null = null): ClientSecret => ({
  hash: hashSecret(text).toString('hex'),
  created_at: new Date().toISOString(),
  expires_at: expiresAt?.toISOString() ?? null,
  used_at: null,
})

/** Whether a client authenticates with a secret. */
export const hasSecret = ({ authMethod }: Pick<Client, 'authMethod'>): boolean =>
  authMethod.startsWith('client_secret_')

export const isLive = ({ expires_at }: Pick<ClientSecret, 'expires_at'>, now = Date.now()): boolean =>
  expires_at === null || Date.parse(expires_at) > now

/**
 * Whether the newest secret has not been used while the previous one is still valid. The response that contained it may have
 * been lost.
 */
export const isUnused = ([newest, before]: readonly ClientSecret[], now = Date.now()): boolean =>
  newest?.used_at === null && before !== undefined && isLive(before, now)

/**
 * The previous secret that stays valid beside a new one: the newest valid one, until the overlap ends or it expires. If
 * that one was never used, the one that it replaced stays valid instead, with its existing expiry.
 * @param overlap seconds; 0: no previous secret stays valid
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
