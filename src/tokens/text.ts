import { randomInt } from 'node:crypto'
import { BASE62, checksum, RANDOM_CHARACTERS } from '../../packages/guard/src/opaque-text.ts'

export { isOpaqueText } from '../../packages/guard/src/opaque-text.ts'

/**
 * A new opaque token: the prefix, 40 random base62 characters (238 bits) and their CRC32 in six more, so that secret
 * scanners find it and a typing error needs no look-up.
 */
export function newOpaqueText(prefix: string): string {
  const random = Array.from({ length: RANDOM_CHARACTERS }, () => BASE62[randomInt(62)]).join('')
  return prefix + random + checksum(random)
}
