import { invalid } from '../errors/errors.ts'

/** Schemes that execute or display their content. */
const DANGEROUS = new Set(['javascript:', 'data:', 'vbscript:', 'file:', 'blob:', 'about:'])
const MAX_LENGTH = 2_000
/** An absolute http or https URI without a part that imitates another host, such as user information or a backslash. */
const WEB = /^https?:\/\/[^/?#@\\]+([/?][^\\]*)?$/i

/** Allows only visible ASCII: the URL parser drops tabs and line breaks, which the stored text would still contain. */
function parse(text: string): URL | null {
  return text.length <= MAX_LENGTH && /^[\x21-\x7e]+$/.test(text) ? URL.parse(text) : null
}

/**
 * Parameters of authorization responses (RFC 6749 §4.1.2 and §4.2.2, RFC 9207, OpenID Connect). If a redirect URI had one of
 * them in its query, the response would contain it twice (RFC 6749 §3.1 forbids that), and clients differ in which one they
 * use.
 */
const RESERVED_PARAMETERS: ReadonlySet<string> = new Set([
  'code',
  'state',
  'iss',
  'error',
  'error_description',
  'error_uri',
  'scope',
  'access_token',
  'token_type',
  'expires_in',
  'id_token',
  'session_state',
  'response',
])

/** The first query parameter that is reserved for responses. Ignores case, as some frameworks do. */
export const findReservedParameter = ({ searchParams }: Pick<URL, 'searchParams'>): string | undefined =>
  [...searchParams.keys()].find(name => RESERVED_PARAMETERS.has(name.trim().toLowerCase()))

/**
 * Validates a redirect URI: absolute, without a fragment (RFC 6749 §3.1.2) or response parameters (RFC 6749 §3.1); with
 * https, loopback http, or a private-use scheme (RFC 8252 §7).
 * @throws 422
 */
export function validateRedirectUri(text: string, index: number): string {
  const uri = parse(text)
  const path = `redirect_uris/${index}`
  if (!uri || text.includes('#') || text.includes('*')) {
    throw invalid({ path, message: 'must be an absolute URI without a fragment or wildcard' })
  }
  if (DANGEROUS.has(uri.protocol)) throw invalid({ path, message: `must not use ${uri.protocol}` })
  if (/^https?:$/.test(uri.protocol) && !WEB.test(text)) {
    throw invalid({ path, message: 'must have a host after the two slashes, without user information or a backslash' })
  }
  if (uri.protocol === 'http:' && !/^(localhost|127\.0\.0\.1|\[::1\])$/.test(uri.hostname)) {
    throw invalid({ path, message: 'must use https (except for localhost)' })
  }
  if (uri.protocol !== 'http:' && uri.protocol !== 'https:' && !uri.protocol.includes('.')) {
    throw invalid({ path, message: 'must use a private-use scheme that contains a dot, such as com.example.app' })
  }
  const reserved = findReservedParameter(uri)
  if (reserved !== undefined) {
    throw invalid({
      path,
      message: `must not have ${reserved} in its query: it is a parameter of the authorization response`,
    })
  }
  return text
}

/** Validates a resource indicator (RFC 8707 §2). @throws 422 */
export function validateAudience(text: string, path = 'audience'): string {
  if (parse(text) && !text.includes('#')) return text
  throw invalid({ path, message: 'must be an absolute URI without a fragment' })
}

/** Validates the URL of a page or an image. @throws 422 */
export function validateWebUri(text: string, path: string): string {
  if (/^https?:$/.test(parse(text)?.protocol ?? '')) return text
  throw invalid({ path, message: 'must be an http or https URL' })
}
