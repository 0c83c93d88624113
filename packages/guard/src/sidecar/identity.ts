import { invalidToken } from '../errors.ts'
import type { Token } from '../token.ts'

/** Visible ASCII without the percent sign, which starts an escape. */
const UNSAFE = /[^\x21-\x24\x26-\x7e]/gu

/** The complete headers of an accepted check, by token: a proxy asks for the same token thousands of times. */
const cache = new WeakMap<Token, string[]>()

/**
 * The headers of the response that accepts a token, as a flat list of names and values. All four are always there, since a
 * proxy copies them over those that its client sent; `X-Auth-User` is empty for a machine. Characters that a header cannot
 * carry safely are percent-encoded.
 * @throws PosternError 401 for a token whose ids are not valid Unicode
 */
export function acceptedHeaders(token: Token): string[] {
  let headers = cache.get(token)
  if (!headers) {
    headers = headersOf(token)
    cache.set(token, headers)
  }
  return headers
}

const headersOf = ({ id, userId, clientId, scopes }: Token) => [
  'X-Auth-User',
  encoded(userId ?? ''),
  'X-Auth-Client',
  encoded(clientId),
  'X-Auth-Scopes',
  scopes.map(encoded).join(' '),
  'X-Auth-Token-Id',
  encoded(id),
  'Cache-Control',
  'no-store',
  'Content-Length',
  '0',
]

function encoded(text: string): string {
  // Two different ids must not become the same header.
  if (!text.isWellFormed()) throw invalidToken('The access token is malformed.')
  return text.replaceAll(UNSAFE, encodeURIComponent)
}
