import { invalidRequest, invalidTarget } from '../errors/protocol.ts'
import type { Params } from '../grants/grant.ts'
import { VALIDATED_BODY } from '../http/validation.ts'

/**
 * Parses a form body. Rejects repeated parameters, except those that may be repeated, whose values are joined. Parameters
 * without a value are treated as absent (RFC 6749 §3.2).
 * @param mayRepeat whether a parameter may be repeated
 * @throws 400 `invalid_request`, `invalid_target`
 */
export function readForm(text: string, mayRepeat: (name: string) => boolean = isTarget): Params {
  const params: Record<string, string> = Object.create(VALIDATED_BODY)
  for (const [name, value] of pairs(text)) {
    if (value === '') continue
    if (mayRepeat(name)) params[name] = joined(params[name], value)
    else if (name in params) throw invalidRequest(`${name} was sent more than once.`)
    else params[name] = value
  }
  return params
}

/** Parses the form of a page, whose fields are not repeated. @throws 400 `invalid_request` */
export const readPageForm = (text: string): Params => readForm(text, () => false)

/** Whether a parameter may be repeated, to name several resources (RFC 8707 §2, RFC 8693 §2.1). */
export const isTarget = (name: string) => name === 'resource' || name === 'audience'

/**
 * Joins the values of a repeated parameter by spaces, which a URI cannot contain.
 * @throws 400 `invalid_target`
 */
export function joined(before: string | undefined, uri: string): string {
  if (hasSpace(uri)) throw notAUri()
  return before === undefined ? uri : `${before} ${uri}`
}

export const hasSpace = (uri: string) => /\s/.test(uri)

export const notAUri = () => invalidTarget('A resource must be an absolute URI without spaces.')

/**
 * Parses application/x-www-form-urlencoded to decoded names and values, in the order in which they were sent.
 * @throws 400 `invalid_request` for invalid UTF-8 and for NUL characters, which PostgreSQL rejects
 */
export function pairs(text: string): [name: string, value: string][] {
  assertNoNul(text)
  // Bytes that are not UTF-8 were replaced when the body was read. An encoded U+FFFD (%EF%BF%BD) is valid.
  if (text.includes('\uFFFD')) throw invalidRequest('The form is not valid UTF-8.')
  const sent = text.split('&').filter(pair => pair !== '')
  return sent.map(pair => {
    const at = pair.indexOf('=')
    return at < 0 ? [decode(pair), ''] : [decode(pair.slice(0, at)), decode(pair.slice(at + 1))]
  })
}

function assertNoNul(text: string): void {
  if (text.includes('\0')) throw invalidRequest('A parameter contains a NUL character.')
}

/** Most values, such as tokens and names, have nothing to decode. */
const decode = (text: string) => (/[%+]/.test(text) ? decoded(text) : text)

function decoded(text: string): string {
  const value = unescaped(text)
  assertNoNul(value)
  return value
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw invalidRequest('The form is not valid UTF-8.')
  }
}
