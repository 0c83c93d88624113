import { hkdfSync } from 'node:crypto'
import { CompactEncrypt, compactDecrypt } from 'jose'

/**
 * Encrypts a value (JWE, RFC 7516: `dir`, A256GCM) with a key derived from a secret. The database stores only the hash of
 * the secret, so the value cannot be decrypted from the database alone.
 * @param secret the text of a token or a `request_uri`, with 256 random bits
 * @param purpose separates this use of the secret from others
 * @param value a JSON value
 * @returns a compact JWE
 * @example
 * const encrypted = await encryptUnder(text, 'postern refresh replay', response)
 * const response = await decryptUnder<TokenResponse>(text, 'postern refresh replay', encrypted)
 */
export const encryptUnder = (secret: string, purpose: string, value: unknown): Promise<string> =>
  new CompactEncrypt(new TextEncoder().encode(JSON.stringify(value)))
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
    .encrypt(keyOf(secret, purpose))

/** @throws JOSEError when the secret or the purpose is different, or the text was modified */
export async function decryptUnder<T>(secret: string, purpose: string, encrypted: string): Promise<T> {
  const { plaintext } = await compactDecrypt(encrypted, keyOf(secret, purpose))
  return JSON.parse(new TextDecoder().decode(plaintext))
}

/** HKDF (RFC 5869) instead of a plain hash, which the database stores. */
const keyOf = (secret: string, purpose: string) => new Uint8Array(hkdfSync('sha256', secret, '', purpose, 32))
