import type { Params } from '../grants/grant.ts'
import { LOOKED_AT } from '../http/validation.ts'
import { invalidRequest } from '../protocol-errors.ts'

/**
 * Reads a form body. A parameter that comes twice is refused, one without a value counts as absent (RFC 6749 §3.2).
 * @throws 400 `invalid_request`
 */
export function readForm(text: string): Params {
  const params: Record<string, string> = Object.create(LOOKED_AT)
  for (const [name, value] of pairs(text)) {
    if (value === '') continue
    if (name in params) throw invalidRequest(`${name} was sent more than once.`)
    params[name] = value
  }
  return params
}

/**
 * Names and values in the order they were sent, decoded.
 * @throws 400 `invalid_request` for what is not text
 */
export function* pairs(text: string): Generator<[string, string]> {
  for (const pair of text.split('&')) {
    if (pair === '') continue
    const at = pair.indexOf('=')
    yield at < 0 ? [decode(pair), ''] : [decode(pair.slice(0, at)), decode(pair.slice(at + 1))]
  }
}

/** application/x-www-form-urlencoded, and nothing that PostgreSQL would refuse. */
function decode(text: string): string {
  // Tokens and names have nothing to decode, and they are most of what is sent.
  const value = ENCODED.test(text) ? decoded(text) : text
  if (value.includes('\0')) throw invalidRequest('A parameter contains a NUL character.')
  // Bytes that are not UTF-8 were replaced when the body was read.
  if (value.includes('\uFFFD')) throw invalidRequest('The form is not valid UTF-8.')
  return value
}

const ENCODED = /[%+]/

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw invalidRequest('The form is not valid UTF-8.')
  }
}
