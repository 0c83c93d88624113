import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Config } from '../config/config.ts'

/** Headers of every response. Pages also have a content security policy. Headers for obsolete browsers are omitted. */
const HEADERS = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'origin-agent-cluster': '?1',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'SAMEORIGIN',
}

const YEAR_SECONDS = 31_536_000

/** Values of `Strict-Transport-Security` (RFC 6797 §6.1). Subdomains may be other services, so including them is opt-in. */
const HSTS: Record<Config['hsts'], string | undefined> = {
  off: undefined,
  host: `max-age=${YEAR_SECONDS}`,
  subdomains: `max-age=${YEAR_SECONDS}; includeSubDomains`,
  preload: `max-age=${2 * YEAR_SECONDS}; includeSubDomains; preload`,
}

/**
 * Adds security headers to every response. They are set on the Fastify reply, since headers set on the raw response put
 * Node on a slower code path.
 * @param hsts undefined when embedded in another application, which decides for its host
 */
export function useSecurityHeaders(app: FastifyInstance, hsts?: Pick<Config, 'hsts' | 'issuer'>): void {
  const policy = hsts?.issuer.startsWith('https:') ? HSTS[hsts.hsts] : undefined
  const secured = { ...HEADERS, ...(policy && { 'strict-transport-security': policy }) }
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(policy && isPlainHttp(request) ? HEADERS : secured)
    done()
  })
}

/** Whether a trusted proxy reports that the browser does not use TLS (RFC 6797 §7.2). */
const isPlainHttp = (request: FastifyRequest) =>
  request.raw.headers['x-forwarded-proto'] !== undefined && request.protocol === 'http' && trusted(request)

/** Fastify sets `ips` only if proxies are trusted. */
const trusted = (request: FastifyRequest) => request.ips !== undefined
