import { invalid } from '../errors/errors.ts'

/** Schemes that run or show what follows them. */
const DANGEROUS = new Set(['javascript:', 'data:', 'vbscript:', 'file:', 'blob:', 'about:'])
const MAX_LENGTH = 2_000
/** Nothing that could pass for another host, or that a browser reads relative to where it is. */
const WEB = /^https?:\/\/[^/?#@\\]+([/?][^\\]*)?$/i

/** A parser drops tabs and line breaks that would come back out of the stored text; so only what is visible passes. */
function parse(text: string): URL | null {
  return text.length <= MAX_LENGTH && /^[\x21-\x7e]+$/.test(text) ? URL.parse(text) : null
}

/**
 * What an authorization response may say (RFC 6749 §4.1.2 and §4.2.2, RFC 9207, and OpenID Connect's own). A redirect
 * URI with one of these in its query would make the answer say it twice, and which one counts is the reader's choice
 * (RFC 6749 §3.1).
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

/** The first parameter of a query that belongs to the answer, decoded; some frameworks read names in either case. */
export const findReservedParameter = ({ searchParams }: Pick<URL, 'searchParams'>): string | undefined =>
  [...searchParams.keys()].find(name => RESERVED_PARAMETERS.has(name.trim().toLowerCase()))

/** Absolute, without a fragment (RFC 6749 §3.1.2), or what the answer says itself (RFC 6749 §3.1); https, loopback http, or an app's own scheme (RFC 8252 §7). */
export function validateRedirectUri(text: string, index: number): string {
  const uri = parse(text)
  const path = `redirect_uris/${index}`
  if (!uri || text.includes('#') || text.includes('*')) {
    throw invalid({ path, message: 'must be an absolute URI without a fragment or wildcard' })
  }
  if (DANGEROUS.has(uri.protocol)) throw invalid({ path, message: `must not use ${uri.protocol}` })
  if (/^https?:$/.test(uri.protocol) && !WEB.test(text)) {
    throw invalid({ path, message: 'must name its host after the two slashes, without a user or a backslash' })
  }
  if (uri.protocol === 'http:' && !/^(localhost|127\.0\.0\.1|\[::1\])$/.test(uri.hostname)) {
    throw invalid({ path, message: 'must use https, but for loopback addresses' })
  }
  if (uri.protocol !== 'http:' && uri.protocol !== 'https:' && !uri.protocol.includes('.')) {
    throw invalid({ path, message: 'must use a private scheme with a dot in it, such as com.example.app' })
  }
  const reserved = findReservedParameter(uri)
  if (reserved !== undefined) {
    throw invalid({ path, message: `must not have ${reserved} in its query: the answer to the app says that itself` })
  }
  return text
}

/** A resource indicator (RFC 8707 §2). */
export function validateAudience(text: string, path = 'audience'): string {
  if (parse(text) && !text.includes('#')) return text
  throw invalid({ path, message: 'must be an absolute URI without a fragment' })
}

/** A page or a picture that people are pointed to. */
export function validateWebUri(text: string, path: string): string {
  if (/^https?:$/.test(parse(text)?.protocol ?? '')) return text
  throw invalid({ path, message: 'must be an http or https URL' })
}
