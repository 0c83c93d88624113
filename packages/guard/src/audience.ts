/** The `aud` of a token (RFC 7519 §4.1.3), as it was signed. */
export type Audience = string | string[]

/**
 * A URI in the normal form by which two are compared: case of scheme and host, default port, empty path, dot segments
 * and percent-encoding (RFC 3986 §6.2.2, §6.2.3). A text that is no URI is returned as it is.
 * @example normalUri('HTTPS://Orders.example.com:443') // 'https://orders.example.com/'
 */
export function normalUri(text: string): string {
  const url = URL.parse(normalEscapes(text))
  return url ? normalEscapes(normalAuthority(url.href)) : text
}

/** `URL` leaves the host and the empty path alone where it does not know the scheme. */
function normalAuthority(href: string): string {
  const [, scheme = '', authority = '', rest = ''] = /^([^/?#]+:\/\/)([^/?#]+)(.*)$/s.exec(href) ?? []
  if (!authority) return href
  const host = authority.lastIndexOf('@') + 1
  const path = rest.startsWith('/') ? rest : `/${rest}`
  return scheme + authority.slice(0, host) + authority.slice(host).toLowerCase() + path
}

/** Upper-case hexadecimal digits, and none for a character that needs no escape. */
function normalEscapes(text: string): string {
  return text.replaceAll(/%[\da-f]{2}/gi, code => {
    const character = String.fromCharCode(Number.parseInt(code.slice(1), 16))
    return /[\w.~-]/.test(character) ? character : code.toUpperCase()
  })
}

/** Whether a token with this `aud` is meant for one of the audiences; an `aud` of any other form is meant for none. */
export function isMeantFor(aud: unknown, audiences: readonly string[]): boolean {
  const named: unknown[] = Array.isArray(aud) ? aud : [aud]
  const accepted = new Set(audiences.map(normalUri))
  return named.every(each => typeof each === 'string') && named.some(each => accepted.has(normalUri(each as string)))
}
