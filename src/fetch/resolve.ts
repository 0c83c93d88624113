import { Resolver } from 'node:dns/promises'
import { isIP, isIPv6 } from 'node:net'
import { isLoopback, isPublic, networks } from './addresses.ts'
import { FetchError } from './error.ts'
import { isLocalhost } from './url.ts'

/** An address to connect to. */
export interface ResolvedAddress {
  address: string
  family: 4 | 6
}

export interface ResolveOptions {
  /** Whether loopback addresses are allowed, for development. */
  allowLoopback?: boolean | undefined
  /** Further networks that are allowed, such as `10.0.0.0/8`. */
  allowedNetworks?: readonly string[] | undefined
  /** DNS servers, by address and optionally port. Default: those of the system. */
  dnsServers?: readonly string[] | undefined
}

/**
 * Resolves a host name once and checks every address.
 * @returns the only addresses to connect to
 * @throws FetchError `address` if there is none, or any of them is not allowed
 */
export type Resolve = (host: string, signal: AbortSignal) => Promise<ResolvedAddress[]>

/** Names of this host are not looked up: a DNS server must not decide what they mean. */
const LOCALHOST = ['127.0.0.1', '::1']

/**
 * Asks the DNS servers itself. `dns.lookup` would occupy one of four threads that file access and password hashes need too,
 * for as long as a slow server likes.
 */
export function createResolve({ allowLoopback, allowedNetworks = [], dnsServers }: ResolveOptions): Resolve {
  const isAllowedNetwork = networks(allowedNetworks)
  const isAllowed = (address: string) =>
    isPublic(address) || (allowLoopback && isLoopback(address)) || isAllowedNetwork(address)

  return async (host, signal) => {
    const addresses = await addressesOf(host, signal, dnsServers)
    if (signal.aborted) throw new FetchError('timeout', 'The host name was not resolved in time.')
    // All of them: a name with one address inside is no mistake to work around.
    if (!addresses.every(isAllowed)) throw new FetchError('address', 'The host has an address that is not public.')
    if (addresses.length === 0) throw new FetchError('address', 'The host has no address.')
    return addresses.map(address => ({ address, family: isIPv6(address) ? 6 : 4 }))
  }
}

async function addressesOf(
  host: string,
  signal: AbortSignal,
  servers: ResolveOptions['dnsServers'],
): Promise<string[]> {
  if (isIP(host)) return [host]
  if (isLocalhost(host)) return LOCALHOST
  const resolver = new Resolver({ timeout: 1_500, tries: 2 })
  if (servers) resolver.setServers(servers)
  const cancel = () => resolver.cancel()
  signal.addEventListener('abort', cancel)
  try {
    const none = () => []
    const found = await Promise.all([resolver.resolve4(host).catch(none), resolver.resolve6(host).catch(none)])
    return found.flat()
  } finally {
    signal.removeEventListener('abort', cancel)
  }
}
