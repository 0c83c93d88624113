import { domainToASCII, domainToUnicode } from 'node:url'
import { invalid } from '../errors/errors.ts'
import { assertVisible } from '../text/name.ts'
import { mustBeOneScript } from './look-alikes.ts'

const EMAIL = /^[^\s@<>()[\],;:\\"]{1,64}@[^\s@<>()[\],;:\\"]{1,253}$/
/** In octets: the limit of mail servers (RFC 5321 §4.5.3.1, RFC 6531). */
const MAX_LENGTH = 254
/** Characters that end the host of a URL or are decoded there. No domain contains them. */
const NO_DOMAIN = /[/?#%\\:@[\]]/

/**
 * Normalizes an e-mail address. Case, width, surrounding blanks, Unicode normal form, and Unicode or Punycode in the domain
 * (RFC 5891) do not distinguish users. Chromium sends every domain in Punycode.
 * @returns the address with the domain in Unicode, which people can read
 */
export function normalizeEmail(email: string): string {
  const plain = foldCase(email)
  const at = plain.lastIndexOf('@')
  const domain = plain.slice(at + 1)
  if (at < 0 || NO_DOMAIN.test(domain)) return plain
  const ascii = domainToASCII(domain)
  // `domainToASCII` parses digits and dots as an IPv4 address.
  if (ascii === '' || /^[\d.]+$/.test(ascii)) return plain
  return `${plain.slice(0, at + 1)}${domainToUnicode(ascii) || ascii}`
}

/**
 * All forms in which an address may be stored: an earlier version stored the domain as typed.
 * @returns the forms, the typed one first, so that a user who registered two spellings can use both accounts
 */
export function emailForms(email: string): string[] {
  const normal = normalizeEmail(email)
  return [...new Set([foldCase(email), normal, toAscii(normal)])]
}

/** The forms in which part of a name or of an e-mail address may be stored. */
export const searchedForms = (part: string): string[] => [
  ...new Set([part, part.normalize('NFC'), ...(part.includes('@') ? emailForms(part) : [])]),
]

/**
 * Validates and normalizes an address for storage.
 * @throws 422 if it is not an e-mail address, contains invisible characters or mixes scripts
 */
export function validateEmail(text: string): string {
  // Checked before normalization, which removes some of these characters from the domain and so changes the address.
  if (/\p{C}/u.test(text.trim())) throw invalid({ path: 'email', message: 'must not contain invisible characters' })
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
