import { hash, randomBytes, timingSafeEqual } from 'node:crypto'

/** A new secret: 256 random bits in base64url, 43 characters. */
export const newSecret = (): string => randomBytes(32).toString('base64url')

/**
 * What is stored in place of a secret: its SHA-256. A slow hash adds nothing to 256 random bits.
 * @param text of a token, code, session, client secret
 */
export const hashSecret = (text: string): Buffer => hash('sha256', text, 'buffer')

/**
 * Whether a text is the secret of this hash, in constant time.
 * @param hash as `hashSecret` returns it
 * @example isSecret(request.body.client_secret, row.hash)
 */
export const isSecret = (text: string, hash: Uint8Array): boolean => timingSafeEqual(hashSecret(text), hash)
