import { hash } from 'node:crypto'
import type { CookieSerializeOptions } from '@fastify/cookie'
import { deriveKey } from '../config/app-key.ts'
import type { Config } from '../config/config.ts'

/** Where browsers see the pages, and how they keep what the pages give them. */
export interface Site {
  /** The host of the issuer, which people know the deployment by. */
  name: string
  /** What the paths of all pages begin with; empty, or without a slash at its end. */
  base: string
  /** Every cookie is named after the issuer, so that two instances on one host do not sign each other out. */
  sessionCookie: string
  csrfCookie: string
  deviceCookie: string
  noticeCookie: string
  madeCookie: string
  cookieOptions: CookieSerializeOptions
  csrfKey: Buffer
  /** The path by which browsers know what this server knows by the URL of a request. */
  absoluteUrl(url: string): string
}

/**
 * @param prefix that the server is mounted under; the issuer may have it already
 */
export function createSite({ issuer, appKey }: Pick<Config, 'issuer' | 'appKey'>, prefix: string): Site {
  const { pathname, protocol, host } = new URL(issuer)
  const path = pathname.replace(/\/$/, '')
  const secure = protocol === 'https:'
  // The prefix binds a cookie to this very host and to https (RFC 6265bis §4.1.3.2).
  const prefixed = secure ? '__Host-' : ''
  const base = path.endsWith(prefix) ? path : path + prefix
  // Browsers share cookies among the ports of a host, and the prefix allows no path but the root.
  const cookie = `${prefixed}postern-${hash('sha256', `${protocol}//${host}${base}`).slice(0, 8)}`
  return {
    name: host,
    base,
    sessionCookie: cookie,
    csrfCookie: `${cookie}-csrf`,
    deviceCookie: `${cookie}-device`,
    noticeCookie: `${cookie}-notice`,
    madeCookie: `${cookie}-made`,
    cookieOptions: { path: '/', httpOnly: true, sameSite: 'lax', secure },
    csrfKey: Buffer.from(deriveKey(appKey, 'postern forms')),
    absoluteUrl: url => base + url.slice(prefix.length),
  }
}

/** Characters of a place to go on to after signing in, so that a redirect with it fits into every proxy's buffers. */
const MAX_NEXT_LENGTH = 2_000

/**
 * Where somebody signs in and then goes on.
 * @param next path and query on this server; without its query when it is too long, and dropped when that is too long
 */
export function signInPath({ base }: Pick<Site, 'base'>, next: string): string {
  const places = [next, next.split('?', 1).join()].map(place => encodeURIComponent(place))
  const fits = places.find(({ length }) => length <= MAX_NEXT_LENGTH)
  return fits === undefined ? `${base}/login` : `${base}/login?next=${fits}`
}

/**
 * A place on this server that somebody may be sent to, from a text that anybody may have written.
 * @returns its path and query; undefined when it is not plainly here, or too long
 */
export function localPath(text: unknown): string | undefined {
  if (typeof text !== 'string' || !text.startsWith('/')) return undefined
  const origin = 'http://here.invalid'
  const url = URL.parse(text, origin)
  const path = url?.origin === origin ? url.pathname + url.search : ''
  // Two slashes, or one of each kind, would name a host once they stand alone.
  return /^\/(?![/\\])/.test(path) && path.length <= MAX_NEXT_LENGTH ? path : undefined
}
