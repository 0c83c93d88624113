import { crc32 } from 'node:zlib'

export const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
export const RANDOM_CHARACTERS = 40
const CHECK_CHARACTERS = 6

/** Whether the text is made like an opaque token; says nothing about whether it was issued. */
export function isOpaqueText(prefix: string, text: string): boolean {
  if (text.length !== prefix.length + RANDOM_CHARACTERS + CHECK_CHARACTERS || !text.startsWith(prefix)) return false
  const random = text.slice(prefix.length, -CHECK_CHARACTERS)
  return /^[0-9A-Za-z]+$/.test(random) && text.endsWith(checksum(random))
}

/** CRC32 in base62, so that secret scanners find a token, and a typing error needs no look-up. */
export function checksum(random: string): string {
  let value = crc32(random)
  let text = ''
  for (let i = 0; i < CHECK_CHARACTERS; i++) {
    text = BASE62[value % 62] + text
    value = Math.floor(value / 62)
  }
  return text
}
