import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createAuthenticator, type GuardState } from '../authenticator.ts'
import { checkOptions, isWebUrl } from '../options.ts'
import { describeResource } from '../resource.ts'
import { boundBody } from './body.ts'
import { CHECK, createChecks, REFUSAL } from './check.ts'
import { createDrain } from './drain.ts'
import { createMetrics } from './metrics.ts'
import type { SidecarOptions } from './options.ts'
import { isCheckAt } from './requirement.ts'
import { createRoutes } from './routes.ts'

/** A guard behind an HTTP server, for a proxy that asks it about each request. */
export interface Sidecar extends GuardState {
  /** Not listening yet. */
  server: Server
  /** Finishes the requests in flight, and disconnects from the issuer. */
  close(): Promise<void>
}

const LIMITS = {
  // Proxies forward the header of their client, and their own limits are up to 64 kB.
  maxHeaderSize: 65_536,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  // Longer than proxies keep an idle connection (Envoy: an hour), so that none sends a request on one that was just closed.
  keepAliveTimeout: 3_660_000,
  keepAlive: true,
  // A second Authorization header makes the token malformed. Node would ignore it, and the API might read that one.
  joinDuplicateHeaders: true,
}
const MAX_CONNECTIONS = 10_000

/**
 * Makes a server that checks tokens for a proxy in front of an API in any language. `/check` responds with 200 and the headers
 * of the token, or with the error that the proxy passes on to its client; `/health/live`, `/health/ready` and `/metrics` are
 * for the operator. It does not wait for the issuer, which may be down at the start.
 * @throws TypeError that names an option that is missing or empty
 * @example
 * const { server, close } = createSidecar({ issuer: 'https://id.example.com', audience: 'https://orders.example.com', log })
 * server.listen(4180, '127.0.0.1')
 */
export function createSidecar({ basic = 'off', resource, log, ...options }: SidecarOptions): Sidecar {
  if (resource !== undefined) checkOptions('guard', { resource }, { resource: isWebUrl })
  const described = resource ? describeResource({ resource, authorizationServers: [options.issuer] }) : undefined
  const { authenticate, ready, health, close } = createAuthenticator(options, {
    issuerUnavailable: error =>
      log.warn('the issuer of access tokens cannot be reached yet', { cause: messageOf(error) }),
    issuerRefused: error => log.error(error.message),
  })
  const metrics = createMetrics()
  const server = createServer(LIMITS)
  server.maxConnections = MAX_CONNECTIONS
  const drain = createDrain(server, () => log.warn('connections were cut off, because they did not end in time'))
  const isStopping = () => drain.started
  const metadataUrl = described?.url.href
  const checks = createChecks({ authenticate, basic, metadataUrl, metrics, log, isStopping })

  const respond = createRoutes({ health, metrics, isStopping, described })

  const handle = (request: IncomingMessage, response: ServerResponse) => {
    boundBody(request)
    const url = request.url as string
    if (isCheckAt(CHECK, url)) checks.check(request, response)
    else if (isCheckAt(REFUSAL, url)) checks.refusal(request, response)
    else respond(request, response)
  }
  server.on('request', handle)
  // Responds without asking for the body, which a check does not need.
  server.on('checkContinue', handle)

  return {
    server,
    ready,
    health,
    async close() {
      await drain.finish()
      await close()
    },
  }
}

const messageOf = (error: unknown) => {
  const { message, cause } = error as Error
  return cause instanceof Error ? cause.message : message
}
