import { BlockList, isIP } from 'node:net'
import { parseDuration } from './duration.ts'
import { StartupError } from './errors.ts'
import { normalizeIssuer } from './guard/issuer-url.ts'
import { secret } from './secrets-from-environment.ts'

/** One function for each kind of variable; each throws a StartupError that names the variable and what it may be. */
export type Environment = Readonly<Record<string, string | undefined>>

export function wholeNumber(env: Environment, name: string, fallback: number, min: number, max: number): number {
  const text = env[name]
  if (!text) return fallback
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  throw new StartupError(`${name} must be a whole number from ${min} to ${max}, not ${JSON.stringify(text)}.`)
}

/** The issuer, to which paths are appended (RFC 8414 §2, §3), in its one form. */
export function issuerUrl(env: Environment, name: string, fallback: string): string {
  const text = env[name] || fallback
  const issuer = normalizeIssuer(text)
  if (issuer) return issuer
  throw new StartupError(
    `${name} must be an http:// or https:// URL without a query, a fragment, a user, or // in its path, not ${shown(text)}.`,
  )
}

/** Several issuers between commas. */
export function issuerUrls(env: Environment, name: string): string[] {
  const texts = env[name]?.split(',') ?? []
  if (!env[name]) return []
  return [...new Set(texts.map(text => issuerUrl({ [name]: text.trim() || ' ' }, name, '')))]
}

/** A URL may carry a password, which is not repeated. */
const shown = (text: string) => JSON.stringify(text.replace(/\/\/[^/]*@/, '//…@'))

/** An address or a host name to listen on. */
export function hostName(env: Environment, name: string, fallback: string): string {
  const text = env[name] || fallback
  if (isIP(text) || /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62}\.?)+$/i.test(text)) return text
  throw new StartupError(
    `${name} must be an address or a host name, such as 127.0.0.1, 0.0.0.0 or ::, not ${JSON.stringify(text)}.`,
  )
}

/** The path of a file or folder. A quote or a blank at its edges comes from the file that it was copied from. */
export function pathText(env: Environment, name: string): string | undefined {
  const text = env[name]
  if (!text || !/^[\s"']|[\s"']$|\p{Cc}/u.test(text)) return text || undefined
  throw new StartupError(
    `${name} must be a path without quotes, blanks or newlines around it, not ${JSON.stringify(text)}.`,
  )
}

/** An absolute URI without a fragment (RFC 8707 §2), kept as written: it is compared letter by letter. */
export function absoluteUri(env: Environment, name: string, fallback: string): string {
  const text = env[name] || fallback
  if (URL.canParse(text) && !/[#\s]/.test(text)) return text
  throw new StartupError(`${name} must be an absolute URI without a fragment, not ${JSON.stringify(text)}.`)
}

/** The URL of a server of ours. A wrong one is not repeated: it may carry a password. */
export function serverUrl(env: Environment, name: string, schemes: readonly string[]): string | undefined {
  const text = secret(env, name)
  if (!text) return undefined
  // The parser drops blanks and newlines that whoever connects would not.
  if (schemes.includes(URL.parse(text)?.protocol ?? '') && !/[\s\p{Cc}]/u.test(text)) return text
  throw new StartupError(`${name} must be a ${schemes.at(-1)}// URL, without blanks or newlines.`)
}

/** Seconds. */
export function duration(env: Environment, name: string, fallback: string): number {
  const text = env[name] || fallback
  const seconds = parseDuration(text)
  if (seconds !== undefined) return seconds
  throw new StartupError(`${name} must be an ISO 8601 duration such as P90D or PT12H, not ${JSON.stringify(text)}.`)
}

/** Seconds, of something that can be switched off by `0`. */
export function durationOrNone(env: Environment, name: string, fallback = '0'): number {
  return /^(0|PT0S)$/.test(env[name] || fallback) ? 0 : duration(env, name, fallback)
}

export function oneOf<T extends string>(env: Environment, name: string, values: readonly T[], fallback: T): T {
  const text = env[name] || fallback
  const value = values.find(v => v === text)
  if (value) return value
  throw new StartupError(`${name} must be one of ${values.join(', ')}, not ${JSON.stringify(text)}.`)
}

const NAMED = new Set(['loopback', 'linklocal', 'uniquelocal'])

/** Whose `X-Forwarded-For` counts. `true` would believe anyone's, a number whoever comes that many hops away. */
export function proxies(env: Environment, name: string): false | string {
  const text = env[name]
  if (!text || text === 'false') return false
  if (text.split(',').every(part => isProxy(part.trim()))) return text
  throw new StartupError(
    `${name} must name the proxies by address, network or loopback (10.0.0.0/8,loopback), not ${JSON.stringify(text)}.`,
  )
}

function isProxy(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/')
  if (NAMED.has(text) || (isIP(text) && bits === undefined)) return true
  if (more.length > 0 || !bits || !/^\d{1,3}$/.test(bits)) return false
  try {
    new BlockList().addSubnet(address, Number(bits), isIP(address) === 6 ? 'ipv6' : 'ipv4')
    return Number(bits) > 0
  } catch {
    return false
  }
}
