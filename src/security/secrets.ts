import { hash, randomBytes, timingSafeEqual } from 'node:crypto'

/** Generates a secret: 256 random bits in base64url, 43 characters. */
export const newSecret = (): string => randomBytes(32).toString('base64url')

/**
 * The SHA-256 of a secret, which is stored in its place. A slow hash adds nothing to 256 random bits.
 * @param text of a token, code, session, client secret
 */
export const hashSecret = (text: string): Buffer => hash('sha256', text, 'buffer')

/**
 * Whether a text is the secret with this hash. Compares in constant time.
 * @param hash as `hashSecret` returns it
 * @example isSecret(request.body.client_secret, row.hash)
 */
export const isSecret = (text: string, hash: Uint8Array): boolean => timingSafeEqual(hashSecret(text), hash)
