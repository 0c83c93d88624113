import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Config } from '../config/config.ts'

/**
 * Which origins may read the responses of a path (Fetch Standard §3.2). `public`: every origin. `listed`: those of
 * `CORS_ORIGINS`. `none`: only this server's own pages.
 */
export type CorsPolicy = 'public' | 'listed' | 'none'

/**
 * Paths for clients of any origin, and everything below them. No cookie has an effect there: clients identify themselves in
 * the request. What is not listed here is not shared, such as the routes for confidential clients only.
 */
const PUBLIC = [
  '/.well-known',
  '/scopes',
  '/oauth/token',
  '/oauth/revoke',
  '/oauth/device_authorization',
  '/oauth/par',
  '/oauth/register',
  '/oauth/status-lists',
]
const LISTED = ['/api']

/** @param path below the prefix that the server is mounted under, without a query */
export function corsPolicyOf(path: string): CorsPolicy {
  if (isOneOf(PUBLIC, path)) return 'public'
  return isOneOf(LISTED, path) ? 'listed' : 'none'
}

/** Every request is asked this, so no string is built. */
function isOneOf(parents: readonly string[], path: string): boolean {
  for (const parent of parents) {
    if (path.startsWith(parent) && (path.length === parent.length || path[parent.length] === '/')) return true
  }
  return false
}

/** Response headers that scripts may read beside those that they always may. */
const EXPOSED = [
  'WWW-Authenticate',
  'Retry-After',
  'RateLimit',
  'RateLimit-Policy',
  'RateLimit-Limit',
  'RateLimit-Remaining',
  'RateLimit-Reset',
  'X-Request-Id',
  'ETag',
  'Idempotency-Replayed',
].join(', ')

/** A `*` does not cover `Authorization`. Without credentials it covers every other header that a client may send. */
const PREFLIGHT = {
  'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
  'access-control-allow-headers': 'Authorization, *',
  'access-control-max-age': '86400',
}

/** Every origin may read the response. It is the same for each of them, so it needs no `Vary`. */
export const ANY_ORIGIN = { 'access-control-allow-origin': '*' }

type Headers = Readonly<Record<string, string>>

const PUBLIC_HEADERS: Headers = { ...ANY_ORIGIN, 'access-control-expose-headers': EXPOSED }
const NO_HEADERS: Headers = {}

/** The CORS headers of responses. None of them ever allows credentials, that is cookies. */
export interface Cors {
  /** Also for errors that Fastify answers before it calls a hook. */
  headersFor(request: FastifyRequest): Headers
}

/** @param prefix that the server is mounted under */
export function createCors({ corsOrigins }: Pick<Config, 'corsOrigins'>, prefix = ''): Cors {
  const listed = new Set<string | undefined>(corsOrigins)

  return {
    headersFor(request) {
      const policy = corsPolicyOf(pathOf(request, prefix))
      if (policy === 'public') return PUBLIC_HEADERS
      if (policy === 'none' || listed.size === 0) return NO_HEADERS
      const { origin } = request.headers
      if (origin === undefined || !listed.has(origin)) return { vary: 'Origin' }
      return { vary: 'Origin', 'access-control-allow-origin': origin, 'access-control-expose-headers': EXPOSED }
    },
  }
}

/**
 * The path of the request as it was sent. One with needless escapes, which the router decodes, has no policy. Well-known paths
 * at the root have no prefix.
 */
function pathOf({ url }: FastifyRequest, prefix: string): string {
  const query = url.indexOf('?')
  const path = query === -1 ? url : url.slice(0, query)
  return prefix && path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : path
}

/**
 * Adds the CORS headers to every response, errors included, and answers preflight requests (Fetch Standard §4.8). It stands
 * in place of `@fastify/cors`: see docs/adr/0055-cors-by-path.md.
 */
export function useCors(app: FastifyInstance, cors: Cors): void {
  app.addHook('onRequest', (request, reply, done) => {
    const headers = cors.headersFor(request)
    reply.headers(headers)
    if (isPreflight(request) && 'access-control-allow-origin' in headers) sendPreflight(reply)
    else done()
  })
}

const isPreflight = ({ method, headers }: FastifyRequest) =>
  method === 'OPTIONS' && headers['access-control-request-method'] !== undefined

function sendPreflight(reply: FastifyReply): void {
  reply.removeHeader('access-control-expose-headers')
  reply.code(204).headers(PREFLIGHT).send()
}
