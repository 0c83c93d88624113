import { hash, randomInt } from 'node:crypto'
import { crc32 } from 'node:zlib'

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const RANDOM_CHARACTERS = 40
const CHECK_CHARACTERS = 6

/**
 * A new opaque token: the prefix, 40 random base62 characters (238 bits) and their CRC32 in six more, so that secret
 * scanners find it and a typing error needs no look-up.
 */
export function newOpaqueText(prefix: string): string {
  const random = Array.from({ length: RANDOM_CHARACTERS }, () => BASE62[randomInt(62)]).join('')
  return prefix + random + check(random)
}

/** Whether the text is made like one of ours; says nothing about whether it was issued. */
export function isOpaqueText(prefix: string, text: string): boolean {
  if (text.length !== prefix.length + RANDOM_CHARACTERS + CHECK_CHARACTERS || !text.startsWith(prefix)) return false
  const random = text.slice(prefix.length, -CHECK_CHARACTERS)
  return /^[0-9A-Za-z]+$/.test(random) && text.endsWith(check(random))
}

/** What is stored in place of an opaque token: the SHA-256 of its text. */
export function hashText(text: string): Buffer {
  return hash('sha256', text, 'buffer')
}

function check(random: string): string {
  let value = crc32(random)
  let text = ''
  for (let i = 0; i < CHECK_CHARACTERS; i++) {
    text = BASE62[value % 62] + text
    value = Math.floor(value / 62)
  }
  return text
}
