import { createDecipheriv, createHmac, hash, hkdfSync, pbkdf2, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

const derive = promisify(pbkdf2)

/** Version 2 of the format: `def50200`, salt, initialization vector, ciphertext, HMAC. */
const HEADER = Buffer.from('def50200', 'hex')
const SALT = 32
const IV = 16
const MAC = 32
const ROUNDS = 100_000
const MIN_LENGTH = HEADER.length + SALT + IV + MAC
/** Far longer than a refresh token of Passport. */
const MAX_HEX = 16_384

/** Whether a text has the form of a ciphertext of Defuse php-encryption. */
export const isDefuse = (text: string): boolean =>
  text.length <= MAX_HEX && text.length >= 2 * MIN_LENGTH && /^def50200(?:[0-9a-f]{2})+$/.test(text)

/**
 * Decrypts a text of Defuse php-encryption in password mode, as league/oauth2-server encrypts refresh tokens.
 * @param password of Laravel: the bytes of `APP_KEY`
 * @returns undefined for another password and for a text that was altered
 */
export async function decryptDefuse(text: string, password: Buffer): Promise<string | undefined> {
  if (!isDefuse(text)) return undefined
  const bytes = Buffer.from(text, 'hex')
  const salt = bytes.subarray(HEADER.length, HEADER.length + SALT)
  const iv = bytes.subarray(HEADER.length + SALT, HEADER.length + SALT + IV)
  const signed = bytes.subarray(0, -MAC)
  const key = await derive(hash('sha256', password, 'buffer'), salt, ROUNDS, 32, 'sha256')
  const subkey = (purpose: string) => Buffer.from(hkdfSync('sha256', key, salt, `DefusePHP|V2|KeyFor${purpose}`, 32))
  const mac = createHmac('sha256', subkey('Authentication')).update(signed).digest()
  if (!timingSafeEqual(mac, bytes.subarray(-MAC))) return undefined
  const decipher = createDecipheriv('aes-256-ctr', subkey('Encryption'), iv)
  const ciphertext = signed.subarray(HEADER.length + SALT + IV)
  return Buffer.concat([decipher.update(ciphertext), decipher.final()]).toString('utf8')
}

/** The bytes of an `APP_KEY` of Laravel: base64 after `base64:`, otherwise the text itself. */
export const laravelKey = (text: string): Buffer =>
  text.startsWith('base64:') ? Buffer.from(text.slice('base64:'.length), 'base64') : Buffer.from(text)
