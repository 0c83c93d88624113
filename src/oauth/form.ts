import { invalidRequest, invalidTarget } from '../errors/protocol.ts'
import type { Params } from '../grants/grant.ts'
import { VALIDATED_BODY } from '../http/validation.ts'

/**
 * Reads a form body. A parameter that comes twice is refused, but for those that may, whose values are joined; one
 * without a value counts as absent (RFC 6749 §3.2).
 * @throws 400 `invalid_request`, `invalid_target`
 */
export function readForm(text: string): Params {
  const params: Record<string, string> = Object.create(VALIDATED_BODY)
  for (const [name, value] of pairs(text)) {
    if (value === '') continue
    if (isTarget(name)) params[name] = joined(params[name], value)
    else if (name in params) throw invalidRequest(`${name} was sent more than once.`)
    else params[name] = value
  }
  return params
}

/** What may come more than once (RFC 8707 §2, RFC 8693 §2.1): for a token that is for several. */
export const isTarget = (name: string) => name === 'resource' || name === 'audience'

/**
 * Values of a parameter that may come more than once, in one text: a URI has no space.
 * @throws 400 `invalid_target`
 */
export function joined(before: string | undefined, uri: string): string {
  if (/\s/.test(uri)) throw invalidTarget('A resource is an absolute URI, which has no space.')
  return before === undefined ? uri : `${before} ${uri}`
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
