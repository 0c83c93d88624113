import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Config } from '../config/config.ts'

/** Pages have a policy of their own. What is left out speaks to browsers and plug-ins that nobody has any more. */
const HEADERS = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'origin-agent-cluster': '?1',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'SAMEORIGIN',
}

const YEAR_SECONDS = 31_536_000

/** Values of `Strict-Transport-Security` (RFC 6797 §6.1). Subdomains are other people's services until someone says so. */
const HSTS: Record<Config['hsts'], string | undefined> = {
  off: undefined,
  host: `max-age=${YEAR_SECONDS}`,
  subdomains: `max-age=${YEAR_SECONDS}; includeSubDomains`,
  preload: `max-age=${2 * YEAR_SECONDS}; includeSubDomains; preload`,
}

/**
 * Headers that keep browsers from misusing an answer, on every one of them. They go through the reply: what is set on the
 * raw answer makes Node write all headers the slow way.
 * @param hsts undefined inside another application, whose host it is
 */
export function useSecurityHeaders(app: FastifyInstance, hsts?: Pick<Config, 'hsts' | 'issuer'>): void {
  const policy = hsts?.issuer.startsWith('https:') ? HSTS[hsts.hsts] : undefined
  const secured = { ...HEADERS, ...(policy && { 'strict-transport-security': policy }) }
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(policy && cameByHttp(request) ? HEADERS : secured)
    done()
  })
}

/** A proxy that we trust says that the browser does not use TLS (RFC 6797 §7.2). */
const cameByHttp = (request: FastifyRequest) =>
  request.raw.headers['x-forwarded-proto'] !== undefined && request.protocol === 'http' && trusted(request)

/** Fastify keeps `ips` only where there are proxies to trust. */
const trusted = (request: FastifyRequest) => request.ips !== undefined
