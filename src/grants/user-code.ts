import { randomInt } from 'node:crypto'

/** No vowels, so that no words come up, no digits, and nothing that looks like another (RFC 8628 §6.1). */
const ALPHABET = 'BCDFGHJKLMNPQRSTVWXZ'
const LENGTH = 8

/** A code that can be read over the telephone: eight letters, 34 bits. */
export const newUserCode = () => Array.from({ length: LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('')

/** As people read it: `BCDF-GHJK`. */
export const showUserCode = (code: string) => `${code.slice(0, LENGTH / 2)}-${code.slice(LENGTH / 2)}`

/** What somebody meant who typed it, in any case, with any dashes and blanks; undefined: it cannot be a code. */
export function readUserCode(text: string): string | undefined {
  const code = text
    .normalize('NFKC')
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]/g, '')
  return code.length === LENGTH && [...code].every(letter => ALPHABET.includes(letter)) ? code : undefined
}
