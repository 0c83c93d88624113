import { randomInt } from 'node:crypto'

/** Without vowels, so that no words occur, and without digits and similar letters (RFC 8628 §6.1). */
const ALPHABET = 'BCDFGHJKLMNPQRSTVWXZ'
const LENGTH = 8

/** Generates a user code of eight letters (34 bits), short enough to read out on the phone. */
export const newUserCode = () => Array.from({ length: LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('')

/** Formats a user code for display: `BCDF-GHJK`. */
export const showUserCode = (code: string) => `${code.slice(0, LENGTH / 2)}-${code.slice(LENGTH / 2)}`

/** Normalizes a typed user code, in any case, with any dashes and blanks; undefined: it cannot be a code. */
export function readUserCode(text: string): string | undefined {
  const code = text
    .normalize('NFKC')
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]/g, '')
  return code.length === LENGTH && [...code].every(letter => ALPHABET.includes(letter)) ? code : undefined
}
