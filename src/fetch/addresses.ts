import { BlockList, isIP, isIPv6 } from 'node:net'

/** IANA IPv4 Special-Purpose Address Registry, multicast (RFC 5771) and reserved addresses (RFC 1112 §4). */
const SPECIAL_IPV4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.31.196.0/24',
  '192.52.193.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '192.175.48.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
]

/**
 * All that is allocated to hosts (RFC 4291 §2.4). Everything else is special: loopback, unspecified, IPv4-mapped and
 * IPv4-compatible, NAT64 (64:ff9b::/96, 64:ff9b:1::/48), discard-only, segment routing, unique local, link-local, multicast.
 */
const GLOBAL_IPV6 = ['2000::/3']

/** The special parts of 2000::/3. The first is that of IETF protocols: Teredo, benchmarking, ORCHID and others. */
const SPECIAL_IPV6 = ['2001::/23', '2001:db8::/32', '2002::/16', '2620:4f:8000::/48', '3fff::/20']

const LOOPBACK = ['127.0.0.0/8', '::1/128']

/**
 * Networks of addresses.
 * @param networks addresses, or networks such as `10.0.0.0/8`
 */
export function networks(list: readonly string[]): (address: string) => boolean {
  const blocks = new BlockList()
  for (const text of list) {
    const [address = '', bits] = text.split('/')
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    blocks.addSubnet(address, bits === undefined ? (family === 'ipv6' ? 128 : 32) : Number(bits), family)
  }
  return address => blocks.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}

const isSpecialIPv4 = networks(SPECIAL_IPV4)
const isGlobalIPv6 = networks(GLOBAL_IPV6)
const isSpecialIPv6 = networks(SPECIAL_IPV6)

/** Whether an address is one of this host. */
export const isLoopback = networks(LOOPBACK)

/**
 * Whether an address belongs to a host on the Internet. What is no address, or has a zone (`fe80::1%eth0`), does not.
 * @example isPublic('192.168.1.1') // false
 */
export function isPublic(address: string): boolean {
  if (address.includes('%')) return false
  const version = isIP(address)
  if (version === 4) return !isSpecialIPv4(address)
  return version === 6 && isGlobalIPv6(address) && !isSpecialIPv6(address)
}
