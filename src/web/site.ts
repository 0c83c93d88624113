import { hash } from 'node:crypto'
import type { CookieSerializeOptions } from '@fastify/cookie'
import type { Config } from '../config/config.ts'
import type { KeyRing } from '../security/key-ring.ts'
import { type CsrfTokens, createCsrfTokens } from './csrf-tokens.ts'

/** The public address of the pages, and their cookies. */
export interface Site {
  /** The name of the site on the pages. */
  name: string
  /** Prefix of all paths: empty, or without a slash at its end. */
  base: string
  /** Cookie names contain a hash of the issuer, so that two instances on one host do not overwrite each other's cookies. */
  sessionCookie: string
  csrfCookie: string
  deviceCookie: string
  noticeCookie: string
  issuedCookie: string
  languageCookie: string
  /** A sign-in that waits for the second factor. */
  secondStepCookie: string
  /** Identifies a browser to which the sign-in page has given a challenge for a passkey. */
  passkeyCookie: string
  cookieOptions: CookieSerializeOptions
  csrfTokens: CsrfTokens
  /** The path that browsers use for the URL of a request. */
  absoluteUrl(url: string): string
}

export interface SiteOptions {
  config: Pick<Config, 'issuer' | 'brandName'>
  keyRing: KeyRing
}

/**
 * @param prefix that the server is mounted under; the issuer may have it already
 */
export function createSite({ config, keyRing }: SiteOptions, prefix: string): Site {
  const { issuer, brandName } = config
  const { pathname, protocol, host } = new URL(issuer)
  const path = pathname.replace(/\/$/, '')
  const secure = protocol === 'https:'
  // The prefix binds a cookie to this very host and to https (RFC 6265bis §4.1.3.2).
  const prefixed = secure ? '__Host-' : ''
  const base = path.endsWith(prefix) ? path : path + prefix
  // Browsers share cookies among the ports of a host, and the prefix allows no path but the root.
  const cookie = `${prefixed}postern-${hash('sha256', `${protocol}//${host}${base}`).slice(0, 8)}`
  return {
    name: brandName,
    base,
    sessionCookie: cookie,
    csrfCookie: `${cookie}-csrf`,
    deviceCookie: `${cookie}-device`,
    noticeCookie: `${cookie}-notice`,
    issuedCookie: `${cookie}-issued`,
    languageCookie: `${cookie}-language`,
    secondStepCookie: `${cookie}-second-step`,
    passkeyCookie: `${cookie}-passkey`,
    cookieOptions: { path: '/', httpOnly: true, sameSite: 'lax', secure },
    csrfTokens: createCsrfTokens(keyRing),
    absoluteUrl: url => base + url.slice(prefix.length),
  }
}

/** Maximum length of the path to return to after signing in, so that redirects fit into the buffers of proxies. */
const MAX_NEXT_LENGTH = 2_000

/**
 * The path of the sign-in page.
 * @param next path and query to return to. If it is too long, its query is dropped, then the whole path.
 */
export function signInPath({ base }: Pick<Site, 'base'>, next: string): string {
  const candidates = [next, next.split('?', 1).join()].map(path => encodeURIComponent(path))
  const fits = candidates.find(({ length }) => length <= MAX_NEXT_LENGTH)
  return fits === undefined ? `${base}/login` : `${base}/login?next=${fits}`
}

/**
 * Validates an untrusted redirect target.
 * @returns its path and query; undefined when it is not on this server, or too long
 */
export function localPath(text: unknown): string | undefined {
  if (typeof text !== 'string' || !text.startsWith('/')) return undefined
  const origin = 'http://here.invalid'
  const url = URL.parse(text, origin)
  const path = url?.origin === origin ? url.pathname + url.search : ''
  // A path that starts with two slashes, or a slash and a backslash, would name a host.
  return /^\/(?![/\\])/.test(path) && path.length <= MAX_NEXT_LENGTH ? path : undefined
}

const THIS_COMPUTER = /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/

/** Whether somebody works on the pages: the issuer is on this computer, and NODE_ENV is not `production`. */
export const isDevelopment = ({ issuer }: Pick<Config, 'issuer'>): boolean =>
  process.env.NODE_ENV !== 'production' && THIS_COMPUTER.test(new URL(issuer).hostname)
