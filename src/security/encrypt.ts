import { hkdfSync } from 'node:crypto'
import { CompactEncrypt, type CompactJWEHeaderParameters, compactDecrypt, decodeProtectedHeader } from 'jose'
import type { RingKeys } from './key-ring.ts'

/** Members of the authenticated header besides `alg` and `enc`. */
export type Header = Record<string, string>

/** A decrypted text and its authenticated header. */
export interface Decrypted {
  plain: Uint8Array
  header: CompactJWEHeaderParameters
}

/** Encrypts bytes (JWE, RFC 7516: `dir`, A256GCM). Every encryption of this server is this one. @returns a compact JWE */
const encrypt = (key: Uint8Array, plain: Uint8Array, header: Header = {}): Promise<string> =>
  new CompactEncrypt(plain).setProtectedHeader({ alg: 'dir', enc: 'A256GCM', ...header }).encrypt(key)

/** @throws JOSEError when the key is another one or the text was modified */
async function decrypt(key: Uint8Array, text: string): Promise<Decrypted> {
  const { plaintext, protectedHeader } = await compactDecrypt(text, key)
  return { plain: plaintext, header: protectedHeader }
}

/**
 * Encrypts bytes with a key of the ring. The header names the `APP_KEY` in `app_key` (docs/adr/0077).
 * @param header further members that are authenticated, such as the id of the row
 * @example
 * const keys = ring.derive(appKey => deriveKey(appKey, 'postern signing keys'))
 * const wrapped = await encryptWith(keys, bytes, { kid })
 */
export const encryptWith = ({ active }: RingKeys, plain: Uint8Array, header: Header = {}): Promise<string> =>
  encrypt(active.key, plain, { ...header, app_key: active.id })

/**
 * Decrypts what `encryptWith` returned, by the key that its header names. Earlier versions named none: then each key is tried.
 * @throws JOSEError when no key of the ring encrypted the text, or it was modified
 */
export async function decryptWith({ all }: RingKeys, text: string): Promise<Decrypted> {
  const id = decodeProtectedHeader(text).app_key
  const named = all.filter(key => key.id === id)
  const [first, ...others] = named.length > 0 ? named : all
  let result = decrypt(first.key, text)
  for (const { key } of others) result = result.catch(() => decrypt(key, text))
  return result
}

/** The id of the `APP_KEY` that encrypted a text; undefined: an earlier version encrypted it. */
export const appKeyIn = (text: string): unknown => decodeProtectedHeader(text).app_key

/**
 * Encrypts a value with a key derived from a secret. The database stores only the hash of the secret, so the value cannot be
 * decrypted from the database alone.
 * @param secret the text of a token or a `request_uri`, with 256 random bits
 * @param purpose separates this use of the secret from others
 * @param value a JSON value
 * @returns a compact JWE
 * @example
 * const encrypted = await encryptUnder(text, 'postern refresh replay', response)
 * const response = await decryptUnder<TokenResponse>(text, 'postern refresh replay', encrypted)
 */
export const encryptUnder = (secret: string, purpose: string, value: unknown): Promise<string> =>
  encrypt(keyUnder(secret, purpose), toBytes(value))

/** @throws JOSEError when the secret or the purpose is different, or the text was modified */
export async function decryptUnder<T>(secret: string, purpose: string, encrypted: string): Promise<T> {
  return fromBytes<T>((await decrypt(keyUnder(secret, purpose), encrypted)).plain)
}

/** HKDF (RFC 5869) instead of a plain hash, which the database stores. */
export const keyUnder = (secret: string, purpose: string): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', secret, '', purpose, 32))

/** A JSON value as bytes. */
export const toBytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))
export const fromBytes = <T>(bytes: Uint8Array): T => JSON.parse(new TextDecoder().decode(bytes))
