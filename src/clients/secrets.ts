import { hash, randomBytes } from 'node:crypto'
import type { ClientSecret } from './client.entity.ts'

/** 256 bits; stored as SHA-256, since a slow hash adds nothing to a random secret. */
export const newSecret = () => randomBytes(32).toString('base64url')

export const hashSecret = (text: string) => hash('sha256', text)

/** A secret as it is stored. @param expiresAt null: until it is rotated */
export const storedSecret = (text: string, expiresAt: Date | null = null): ClientSecret => ({
  hash: hashSecret(text),
  created_at: new Date().toISOString(),
  expires_at: expiresAt?.toISOString() ?? null,
})

/**
 * The secret that lives on beside a new one: the newest of those that still live, until the overlap ends or it expires
 * by itself.
 * @param overlap seconds
 */
export function leaving(secrets: readonly ClientSecret[], overlap: number, now = Date.now()): ClientSecret[] {
  const end = now + overlap * 1000
  const until = ({ expires_at }: ClientSecret) => Math.min(expires_at === null ? end : Date.parse(expires_at), end)
  return secrets
    .filter(secret => until(secret) > now)
    .slice(0, 1)
    .map(secret => ({ ...secret, expires_at: new Date(until(secret)).toISOString() }))
}
