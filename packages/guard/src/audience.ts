/** The `aud` claim of a token (RFC 7519 §4.1.3). */
export type Audience = string | string[]

/**
 * Normalizes a URI for comparison: case of scheme and host, default port, empty path, dot segments and percent-encoding
 * (RFC 3986 §6.2.2, §6.2.3). Returns text that is not a URI unchanged.
 * @example normalUri('HTTPS://Orders.example.com:443') // 'https://orders.example.com/'
 */
export function normalUri(text: string): string {
  const url = URL.parse(normalEscapes(text))
  return url ? normalEscapes(normalAuthority(url.href)) : text
}

/** `URL` normalizes the host and the empty path of special schemes only. */
function normalAuthority(href: string): string {
  const [, scheme = '', authority = '', rest = ''] = /^([^/?#]+:\/\/)([^/?#]+)(.*)$/s.exec(href) ?? []
  if (!authority) return href
  const host = authority.lastIndexOf('@') + 1
  const path = rest.startsWith('/') ? rest : `/${rest}`
  return scheme + authority.slice(0, host) + authority.slice(host).toLowerCase() + path
}

/** Writes escapes with upper-case digits, and decodes those of unreserved characters. */
function normalEscapes(text: string): string {
  return text.replaceAll(/%[\da-f]{2}/gi, code => {
    const character = String.fromCharCode(Number.parseInt(code.slice(1), 16))
    return /[\w.~-]/.test(character) ? character : code.toUpperCase()
  })
}

/**
 * Whether a token with this `aud` is meant for one of the audiences. False for an `aud` that is neither a string nor a list
 * of strings.
 */
export function isMeantFor(aud: unknown, audiences: readonly string[]): boolean {
  const values: unknown[] = Array.isArray(aud) ? aud : [aud]
  const accepted = new Set(audiences.map(normalUri))
  return values.every(each => typeof each === 'string') && values.some(each => accepted.has(normalUri(each as string)))
}
