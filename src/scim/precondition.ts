/** The value of `If-Match`; undefined: the request has none. */
export type Precondition = string | undefined

/**
 * Whether a version satisfies `If-Match`, or `If-None-Match` names it. Weak ETags are compared as RFC 7644 §3.14 shows them.
 * @param header a list of ETags, or `*`
 */
export function satisfies(header: Precondition, version: string): boolean {
  if (header === undefined) return true
  const opaque = (etag: string) => etag.trim().replace(/^W\//, '')
  return header.split(',').some(etag => etag.trim() === '*' || opaque(etag) === opaque(version))
}
