import { crc32 } from 'node:zlib'

export const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
export const RANDOM_CHARACTERS = 40
const CHECK_CHARACTERS = 6

/** Whether the text has the format of an opaque token. It may still never have been issued. */
export function isOpaqueText(prefix: string, text: string): boolean {
  if (text.length !== prefix.length + RANDOM_CHARACTERS + CHECK_CHARACTERS || !text.startsWith(prefix)) return false
  const random = text.slice(prefix.length, -CHECK_CHARACTERS)
  return /^[0-9A-Za-z]+$/.test(random) && text.endsWith(checksum(random))
}

/** CRC32 in base62. Secret scanners recognize a token by it, and a mistyped token needs no look-up. */
export function checksum(random: string): string {
  let value = crc32(random)
  let text = ''
  for (let i = 0; i < CHECK_CHARACTERS; i++) {
    text = BASE62[value % 62] + text
    value = Math.floor(value / 62)
  }
  return text
}
