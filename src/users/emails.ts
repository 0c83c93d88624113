import { domainToASCII, domainToUnicode } from 'node:url'
import { invalid } from '../errors/errors.ts'
import { assertVisible } from '../text/name.ts'
import { mustBeOneScript } from './look-alikes.ts'

const EMAIL = /^[^\s@<>()[\],;:\\"]{1,64}@[^\s@<>()[\],;:\\"]{1,253}$/
/** In octets (RFC 5321 §4.5.3.1, RFC 6531): what a mail server takes. */
const MAX_LENGTH = 254
/** What a URL's host would end at or decode, and a domain never has. */
const NO_DOMAIN = /[/?#%\\:@[\]]/

/**
 * One spelling for one address: case, width, surrounding blanks, the normal form, and whether the domain is written in
 * Unicode or in punycode (RFC 5891) do not make another user. Chromium sends every domain in punycode.
 * @returns the domain in Unicode, since that is what people read
 */
export function normalizeEmail(email: string): string {
  const plain = foldCase(email)
  const at = plain.lastIndexOf('@')
  const domain = plain.slice(at + 1)
  if (at < 0 || NO_DOMAIN.test(domain)) return plain
  const ascii = domainToASCII(domain)
  // Digits alone would be read as an IPv4 address.
  if (ascii === '' || /^[\d.]+$/.test(ascii)) return plain
  return `${plain.slice(0, at + 1)}${domainToUnicode(ascii) || ascii}`
}

/**
 * Under which an address may be stored: an earlier version stored a domain as it was typed.
 * @returns the spelling that was typed first, so that whoever had two accounts keeps both
 */
export function emailForms(email: string): string[] {
  const normal = normalizeEmail(email)
  return [...new Set([foldCase(email), normal, toAscii(normal)])]
}

/**
 * An address as it is stored.
 * @throws 422 for what is none, has characters that people cannot see, or mixes scripts
 */
export function validateEmail(text: string): string {
  // Before it is normalised: that drops some of them from the domain, and the address would be another than was typed.
  if (/\p{C}/u.test(text.trim()))
    throw invalid({ path: 'email', message: 'must not have characters that people cannot see' })
  const email = normalizeEmail(text)
  const ascii = toAscii(email)
  if (!EMAIL.test(email) || !EMAIL.test(ascii) || Buffer.byteLength(ascii) > MAX_LENGTH) {
    throw invalid({ path: 'email', message: 'must be an e-mail address' })
  }
  assertVisible(email, 'email')
  mustBeOneScript(email)
  return email
}

function foldCase(email: string): string {
  return email.normalize('NFKC').trim().toLowerCase().normalize('NFKC')
}

function toAscii(email: string): string {
  const at = email.lastIndexOf('@')
  return `${email.slice(0, at + 1)}${domainToASCII(email.slice(at + 1)) || email.slice(at + 1)}`
}
