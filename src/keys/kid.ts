import { UUID_PATTERN } from '../text/uuid.ts'

/** A `kid`: TOKEN_PREFIX and a UUID, or a UUID alone for a key from before the prefix. */
export const KID_PATTERN = `^([a-z][a-z0-9]{1,15}_)?${UUID_PATTERN.slice(1)}`

const KID = new RegExp(KID_PATTERN)

/** Whether a text may be the `kid` of one of our keys. */
export const isKid = (text: string): boolean => KID.test(text)

/** The `kid` in the case in which it is stored; people paste ids in either case. */
export const normalKid = (kid: string): string => kid.toLowerCase()

/** The `kid` of a new key. @param id a UUID */
export const newKid = (tokenPrefix: string, id: string): string => tokenPrefix + id

const BITS_PER_CHARACTER = 6

/**
 * The text that every JWT begins with whose `kid` begins with the prefix: the complete base64url characters of the header's
 * first bytes.
 * @example jwtStart('post_') // 'eyJraWQiOiJwb3N0X'
 */
export function jwtStart(tokenPrefix: string): string {
  const bytes = Buffer.from(`{"kid":"${tokenPrefix}`)
  return bytes.toString('base64url').slice(0, Math.floor((bytes.length * 8) / BITS_PER_CHARACTER))
}
