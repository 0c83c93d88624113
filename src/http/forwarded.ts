import { isIP, isIPv4 } from 'node:net'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Config } from '../config/config.ts'

/** What reverse proxies say of the request that they pass on. */
const HEADERS = ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-real-ip', 'forwarded'] as const

/**
 * Makes `X-Forwarded-For` hold nothing but addresses before anything reads `request.ip`, and warns once when a proxy
 * speaks that nobody trusts: then all callers share its address, and with it one limit.
 */
export function useForwardedHeaders(app: FastifyInstance, trustProxy: Config['trustProxy']): void {
  let warned = false
  app.addHook('onRequest', (request, _reply, done) => {
    const { headers } = request.raw
    const name = HEADERS.find(header => headers[header] !== undefined)
    if (name === undefined) return done()
    const given = headers['x-forwarded-for']
    if (trustProxy !== false && given !== undefined) cleanHeader(headers, String(given))
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

/** The request came from an address whose headers do not count. */
function isIgnored(request: FastifyRequest, trustProxy: Config['trustProxy']): boolean {
  if (trustProxy === false) return true
  return request.raw.headers['x-forwarded-for'] !== undefined && (request.ips?.length ?? 0) <= 1
}

const advice = (trustProxy: Config['trustProxy']) =>
  trustProxy === false
    ? 'a proxy forwards requests, and TRUST_PROXY names none: every caller counts as the address of the proxy. ' +
      'Set TRUST_PROXY to the address or network of the proxy.'
    : 'forwarded headers came from an address that TRUST_PROXY does not name, and are ignored. ' +
      'If it is a proxy of yours, add it to TRUST_PROXY.'

/**
 * The addresses in an `X-Forwarded-For`, without ports, brackets and zones. Each proxy appends to the end, so what stands
 * before something that is no address is dropped: nobody can say who wrote it.
 * @example forwardedAddresses('203.0.113.7:40123, [2001:db8::1]:443') // ['203.0.113.7', '2001:db8::1']
 */
export function forwardedAddresses(text: string): string[] {
  const addresses = text.split(',').map(part => plainAddress(part.trim()))
  return addresses.slice(addresses.lastIndexOf(undefined) + 1) as string[]
}

const WITH_PORT = /^(?:\[([^\]]*)\]|([\d.]+))(?::\d{1,5})?$/

/** @returns undefined for what is no address */
export function plainAddress(text: string): string | undefined {
  const match = WITH_PORT.exec(text)
  const [address = ''] = (match?.[1] ?? match?.[2] ?? text).replace(/^"|"$/g, '').split('%')
  if (!isIP(address)) return undefined
  return isIPv4(address) ? address : (mappedIPv4(address) ?? address)
}

/** The IPv4 address in `::ffff:192.0.2.1`, however it is written (RFC 4291 §2.5.5.2). */
export function mappedIPv4(address: string): string | undefined {
  const { hostname = '' } = URL.parse(`http://[${address}]`) ?? {}
  const [, high, low] = /^\[::ffff:([\da-f]+):([\da-f]+)\]$/.exec(hostname) ?? []
  if (high === undefined || low === undefined) return undefined
  const bits = [Number.parseInt(high, 16), Number.parseInt(low, 16)]
  return bits.flatMap(n => [n >> 8, n & 255]).join('.')
}
