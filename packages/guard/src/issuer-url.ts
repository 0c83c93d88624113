/**
 * Normalizes an issuer identifier (RFC 8414 §2) for comparison: scheme and host in lower case, no default port, no trailing
 * slash.
 * @returns undefined unless it is an http or https URL without query, fragment, user, white space and `//` in its path
 * @example normalizeIssuer('https://ID.example.com/auth/') // 'https://id.example.com/auth'
 */
export function normalizeIssuer(text: unknown): string | undefined {
  if (typeof text !== 'string' || !/^https?:\/\/[^/]/i.test(text) || /[?#\s\\\p{Cc}]/u.test(text)) return undefined
  const url = URL.parse(text)
  if (!url || url.username || url.password || /^https?:\/\/[^/]*@/i.test(text)) return undefined
  if (text.slice(text.indexOf('//') + 2).includes('//')) return undefined
  return url.origin + url.pathname.replace(/\/$/, '')
}
