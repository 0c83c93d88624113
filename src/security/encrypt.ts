import { hkdfSync } from 'node:crypto'
import { CompactEncrypt, compactDecrypt } from 'jose'

/**
 * Encrypts a value (JWE, RFC 7516: `dir`, A256GCM) under a key derived from a secret that the database does not have: it
 * stores the secret's hash and the encrypted value, and cannot read the value.
 * @param secret the text of a token or a `request_uri`, with 256 random bits
 * @param purpose tells this use of the secret from others
 * @param value what JSON can express
 * @returns a compact JWE
 * @example
 * const sealed = await encryptUnder(text, 'postern refresh replay', answer)
 * const answer = await decryptUnder<TokenAnswer>(text, 'postern refresh replay', sealed)
 */
export const encryptUnder = (secret: string, purpose: string, value: unknown): Promise<string> =>
  new CompactEncrypt(new TextEncoder().encode(JSON.stringify(value)))
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
    .encrypt(keyOf(secret, purpose))

/** @throws JOSEError when the secret or the purpose is another one, or the text was changed */
export async function decryptUnder<T>(secret: string, purpose: string, sealed: string): Promise<T> {
  const { plaintext } = await compactDecrypt(sealed, keyOf(secret, purpose))
  return JSON.parse(new TextDecoder().decode(plaintext))
}

/** HKDF (RFC 5869) rather than a plain hash: the database has the hash. */
const keyOf = (secret: string, purpose: string) => new Uint8Array(hkdfSync('sha256', secret, '', purpose, 32))
