import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import helmet from 'helmet'
import type { Config } from '../config/config.ts'

/**
 * Pages have a policy of their own; what is left out speaks to browsers and plug-ins that nobody has any more. Without a
 * policy that differs from page to page they are the same for every answer, so they are asked for once.
 */
const HEADERS = set(
  helmet({
    contentSecurityPolicy: false,
    strictTransportSecurity: false,
    xDnsPrefetchControl: false,
    xDownloadOptions: false,
    xPermittedCrossDomainPolicies: false,
    xXssProtection: false,
  }),
)

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

/** What a middleware sets on an answer. */
function set(middleware: ReturnType<typeof helmet>): Record<string, string> {
  const headers: Record<string, string> = {}
  const response = {
    setHeader: (name: string, value: string) => Object.assign(headers, { [name.toLowerCase()]: value }),
    removeHeader: () => {},
  }
  middleware({} as IncomingMessage, response as unknown as ServerResponse, () => {})
  return headers
}
