/**
 * The one form of an issuer identifier (RFC 8414 §2) that server and guard compare: scheme and host in lower case, no
 * default port, no slash at the end.
 * @returns undefined for anything but an http or https URL without query, fragment, user, blanks and `//` in its path
 * @example normalizeIssuer('https://ID.example.com/auth/') // 'https://id.example.com/auth'
 */
export function normalizeIssuer(text: unknown): string | undefined {
  if (typeof text !== 'string' || !/^https?:\/\/[^/]/i.test(text) || /[?#\s\\\p{Cc}]/u.test(text)) return undefined
  const url = URL.parse(text)
  if (!url || url.username || url.password || /^https?:\/\/[^/]*@/i.test(text)) return undefined
  if (text.slice(text.indexOf('//') + 2).includes('//')) return undefined
  return url.origin + url.pathname.replace(/\/$/, '')
}
