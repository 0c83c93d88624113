import { BlockList, isIP } from 'node:net'
import { Type } from 'typebox'
import { checkedText } from './kind.ts'

const NAMED_NETWORKS = new Set(['loopback', 'linklocal', 'uniquelocal'])

/**
 * The proxies whose `X-Forwarded-For` header is trusted. `true` would trust every client, a number any client that is
 * that many hops away, so both are rejected.
 */
export const proxies = {
  schema: Type.Union([Type.Literal(false), checkedText(value => value.split(',').every(part => isProxy(part.trim())))]),
  expected: 'false, or proxies by address, network or loopback (10.0.0.0/8,loopback)',
  parse: (value: string) => (value === 'false' ? false : value),
}

function isProxy(value: string): boolean {
  if (NAMED_NETWORKS.has(value)) return true
  return isNetwork(value)
}

/** Whether a text is an address, or a network by address and number of bits. */
function isNetwork(value: string): boolean {
  const [address = '', bits, ...more] = value.split('/')
  if (isIP(value) && bits === undefined) return true
  if (more.length > 0 || !bits || !/^\d{1,3}$/.test(bits)) return false
  try {
    new BlockList().addSubnet(address, Number(bits), isIP(address) === 6 ? 'ipv6' : 'ipv4')
    return Number(bits) > 0
  } catch {
    return false
  }
}

const list = (value: string) => value.split(',').map(part => part.trim())

/** A comma-separated list of addresses and networks. */
export const networkList = {
  schema: Type.Readonly(Type.Array(checkedText(isNetwork))),
  expected: 'addresses or networks, such as 10.0.0.0/8,fd00::/8',
  parse: list,
}

/** A comma-separated list of host names, in lower case and as in a URL (punycode), without ports. */
export const hostList = {
  schema: Type.Readonly(Type.Array(checkedText(value => URL.parse(`https://${value}/`)?.hostname === value))),
  expected: 'host names without ports, such as claude.ai,app.example.com',
  parse: list,
}
