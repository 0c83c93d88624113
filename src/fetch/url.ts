import { isIP } from 'node:net'
import { isLoopback } from './addresses.ts'
import { FetchError } from './error.ts'

const MAX_LENGTH = 2_000

/** The host of a URL as the resolver takes it: an IPv6 address without its brackets. */
export const hostOf = ({ hostname }: Pick<URL, 'hostname'>): string => hostname.replace(/^\[(.*)\]$/, '$1')

/** Whether a host name means this host without any resolver (RFC 6761 §6.3). */
export const isLocalhost = (host: string): boolean => host === 'localhost' || host.endsWith('.localhost')

/**
 * Parses the URL of a document. It must be in normal form, so that one document has one URL: this leaves out dot segments,
 * octal and decimal addresses, default ports and upper-case hosts.
 * @param allowLoopback whether http is allowed for hosts that are loopback addresses or `localhost`
 * @throws FetchError `url`
 * @example parseDocumentUrl('https://app.example.com/client.json')
 */
export function parseDocumentUrl(text: string, { allowLoopback = false } = {}): URL {
  const url = text.length <= MAX_LENGTH && /^[\x21-\x7e]+$/.test(text) ? URL.parse(text) : null
  if (!url) throw refused('is not an absolute URL')
  const host = hostOf(url)
  const isLocal = isLocalhost(host) || (isIP(host) > 0 && isLoopback(host))
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && allowLoopback && isLocal))
    throw refused('is not https')
  if (url.username || url.password || text.includes('@')) throw refused('contains a user or an @')
  if (text.includes('#')) throw refused('has a fragment')
  if (host.endsWith('.')) throw refused('has a host that ends with a dot')
  if (url.href !== text) throw refused(`is not in normal form (${url.href})`)
  return url
}

const refused = (what: string) => new FetchError('url', `The URL ${what}.`)
