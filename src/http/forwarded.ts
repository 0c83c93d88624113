import type { IncomingMessage } from 'node:http'
import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Config } from '../config/config.ts'

/** Headers that reverse proxies add to forwarded requests. */
const HEADERS = ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-real-ip', 'forwarded'] as const

/** Where a request comes from. */
export interface Peer {
  /** IP address of the client, as far as it is known. */
  address: string
  /** The address is that of a proxy that TRUST_PROXY does not name, so that many clients share it. */
  shared: boolean
}

const throughUnknownProxy = new WeakSet<IncomingMessage>()

/** @returns the address that limits count by, and whether many clients share it */
export const peerOf = ({ ip, raw }: FastifyRequest): Peer => ({ address: ip, shared: throughUnknownProxy.has(raw) })

/**
 * Removes everything but addresses from `X-Forwarded-For` before `request.ip` is read. Warns once about forwarded headers
 * of a proxy that is not trusted: all clients behind it would share its address, and so one rate limit.
 */
export function useForwardedHeaders(app: FastifyInstance, trustProxy: Config['trustProxy']): void {
  let warned = false
  app.addHook('onRequest', (request, _reply, done) => {
    const { headers } = request.raw
    const name = HEADERS.find(header => headers[header] !== undefined)
    if (name === undefined) return done()
    const forwardedFor = headers['x-forwarded-for']
    if (trustProxy !== false && forwardedFor !== undefined) cleanHeader(headers, String(forwardedFor))
    // With TRUST_PROXY the proxies are known, and any other sender of these headers is a client.
    if (trustProxy === false && isPrivate(request.ip)) throughUnknownProxy.add(request.raw)
    if (!warned && isIgnored(request, trustProxy)) {
      warned = true
      request.log.warn({ address: request.socket.remoteAddress, header: name }, advice(trustProxy))
    }
    done()
  })
}

function cleanHeader(headers: Record<string, unknown>, text: string): void {
  const addresses = forwardedAddresses(text)
  if (addresses.length > 0) headers['x-forwarded-for'] = addresses.join(', ')
  else delete headers['x-forwarded-for']
}

/** Whether the request came from an address that is not a trusted proxy. */
function isIgnored(request: FastifyRequest, trustProxy: Config['trustProxy']): boolean {
  if (trustProxy === false) return true
  return request.raw.headers['x-forwarded-for'] !== undefined && (request.ips?.length ?? 0) <= 1
}

const PRIVATE_NETWORKS = new BlockList()
for (const [net, prefix] of [
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const)
  PRIVATE_NETWORKS.addSubnet(net, prefix, 'ipv4')
for (const [net, prefix] of [
  ['::1', 128],
  ['fc00::', 7],
  ['fe80::', 10],
] as const)
  PRIVATE_NETWORKS.addSubnet(net, prefix, 'ipv6')

/** A client on the Internet cannot have such an address, so it cannot pretend to be a proxy by sending a header. */
function isPrivate(address: string): boolean {
  const plain = plainAddress(address)
  return plain !== undefined && PRIVATE_NETWORKS.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4')
}

const advice = (trustProxy: Config['trustProxy']) =>
  trustProxy === false
    ? 'a proxy forwards requests, but TRUST_PROXY is not set: all clients are treated as the address of the proxy. ' +
      'Set TRUST_PROXY to the address or network of the proxy.'
    : 'ignored forwarded headers from an address that TRUST_PROXY does not contain. ' +
      'If it is your proxy, add it to TRUST_PROXY.'

/**
 * Parses the addresses of an `X-Forwarded-For` header, without ports, brackets and zones. Each proxy appends to the end, so
 * everything before an invalid entry is dropped: its origin is unknown.
 * @example forwardedAddresses('203.0.113.7:40123, [2001:db8::1]:443') // ['203.0.113.7', '2001:db8::1']
 */
export function forwardedAddresses(text: string): string[] {
  const addresses = text.split(',').map(part => plainAddress(part.trim()))
  return addresses.slice(addresses.lastIndexOf(undefined) + 1) as string[]
}

const WITH_PORT = /^(?:\[([^\]]*)\]|([\d.]+))(?::\d{1,5})?$/

/** @returns undefined: the text is not an address */
export function plainAddress(text: string): string | undefined {
  const match = WITH_PORT.exec(text)
  const [address = ''] = (match?.[1] ?? match?.[2] ?? text).replace(/^"|"$/g, '').split('%')
  if (!isIP(address)) return undefined
  return isIPv4(address) ? address : (mappedIPv4(address) ?? address)
}

/** The IPv4 address of an IPv4-mapped address such as `::ffff:192.0.2.1`, in any notation (RFC 4291 §2.5.5.2). */
export function mappedIPv4(address: string): string | undefined {
  const { hostname = '' } = URL.parse(`http://[${address}]`) ?? {}
  const [, high, low] = /^\[::ffff:([\da-f]+):([\da-f]+)\]$/.exec(hostname) ?? []
  if (high === undefined || low === undefined) return undefined
  const bits = [Number.parseInt(high, 16), Number.parseInt(low, 16)]
  return bits.flatMap(n => [n >> 8, n & 255]).join('.')
}
