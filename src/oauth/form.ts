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
 * Names and values in the order they were sent, decoded; application/x-www-form-urlencoded.
 * @throws 400 `invalid_request` for what is not text, or holds what PostgreSQL would refuse
 */
export function pairs(text: string): [name: string, value: string][] {
  mustBeText(text)
  const sent = text.split('&').filter(pair => pair !== '')
  return sent.map(pair => {
    const at = pair.indexOf('=')
    return at < 0 ? [decode(pair), ''] : [decode(pair.slice(0, at)), decode(pair.slice(at + 1))]
  })
}

function mustBeText(text: string): void {
  if (text.includes('\0')) throw invalidRequest('A parameter contains a NUL character.')
  // Bytes that are not UTF-8 were replaced when the body was read.
  if (text.includes('\uFFFD')) throw invalidRequest('The form is not valid UTF-8.')
}

/** Tokens and names have nothing to decode, and they are most of what is sent. */
const decode = (text: string) => (/[%+]/.test(text) ? decoded(text) : text)

function decoded(text: string): string {
  const value = unescaped(text)
  mustBeText(value)
  return value
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw invalidRequest('The form is not valid UTF-8.')
  }
}
