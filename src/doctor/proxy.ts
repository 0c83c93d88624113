import type { Config } from '../config/config.ts'
import type { SeenPeer } from '../http/peer-routes.ts'
import { type Check, failed, ok, skipped } from './finding.ts'
import { get } from './issuer.ts'

/** An address that nobody has (RFC 5737), so that it is recognized where the server believes it. */
const FORGED = '192.0.2.77'

/** Whether limits and the audit log see the addresses of clients, and whether a client can choose its own. */
export function proxyCheck({ issuer, metricsToken }: Config): Check {
  return {
    name: 'proxy',
    remedy: 'Start the server.',
    async run() {
      if (!metricsToken) return skipped('METRICS_TOKEN is not set: the server would not say which address it sees.')
      const headers = { authorization: `Bearer ${metricsToken}`, 'x-forwarded-for': FORGED }
      const { status, body, localAddress } = await get(`${issuer}/health/peer`, headers)
      if (status !== 200) return failed(`${issuer}/health/peer responds with ${status}.`, SAME_TOKEN)
      return finding(JSON.parse(body) as SeenPeer, localAddress)
    },
  }
}

const SAME_TOKEN = 'METRICS_TOKEN must be the one of the server, and its proxy must pass on Authorization.'

function finding({ address, peer, forwarded }: SeenPeer, own: string | undefined) {
  if (peer === own) {
    return address === FORGED
      ? skipped(`No proxy is between, and TRUST_PROXY contains this machine (${own}): run this on another one.`)
      : ok('No proxy is between this machine and the server.')
  }
  if (address === FORGED) {
    return failed('A client can choose the address that limits and the audit log see.', APPEND)
  }
  if (address === peer && forwarded) {
    return failed(`All clients have the address ${peer} of a proxy, and share its limits.`, `Set TRUST_PROXY=${peer}`)
  }
  if (address === peer) return failed(`The proxy at ${peer} does not say which client it forwards.`, APPEND)
  return ok(`The server sees the address ${address} behind the proxy ${peer}.`)
}

const APPEND =
  'The proxy must append the address of its client to X-Forwarded-For, and TRUST_PROXY must name the proxies only.'
