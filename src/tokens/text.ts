import { randomInt } from 'node:crypto'
import { BASE62, checksum, RANDOM_CHARACTERS } from '../../packages/guard/src/opaque-text.ts'

export { isOpaqueText } from '../../packages/guard/src/opaque-text.ts'

/**
 * Generates a new opaque token: the prefix, 40 random base62 characters (238 bits) and six characters of CRC32. Secret
 * scanners can recognize it, and a mistyped token is rejected without a database query.
 */
export function newOpaqueText(prefix: string): string {
  const random = Array.from({ length: RANDOM_CHARACTERS }, () => BASE62[randomInt(62)]).join('')
  return prefix + random + checksum(random)
}
