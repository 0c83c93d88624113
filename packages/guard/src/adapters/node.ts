import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Token } from '../token.ts'
import { createChecks } from './checks.ts'
import type { AdapterOptions, Checks } from './public.ts'
import { sendResponse } from './send-response.ts'

export * from './public.ts'

/** Returns the token, or undefined after it has sent an error response. */
export type NodeCheck = (request: IncomingMessage, response: ServerResponse) => Promise<Token | undefined>

/** Returns whether it has responded. */
export type NodeHandler = (request: IncomingMessage, response: ServerResponse) => boolean

/**
 * The guard for `node:http`. A check returns the token, or sends the error response and returns undefined: 401, 403, 400 or 503
 * with problem details (RFC 9457) and the challenge of RFC 6750 §3.
 * @throws TypeError that names an option that is missing or empty
 * @example
 * const { checkScopes, close } = nodeGuard({ issuer: 'https://id.example.com', audience: 'https://orders.example.com' })
 * const mayRead = checkScopes('orders:read')
 * const server = createServer(async (request, response) => {
 *   const token = await mayRead(request, response)
 *   if (token) response.end(`Orders of ${token.userId}`)
 * })
 * server.on('close', close)
 */
export function nodeGuard(options: AdapterOptions): Checks<NodeCheck, NodeHandler> {
  return createChecks<NodeCheck, NodeHandler>(options, {
    toCheck: runCheck => async (request, response) => {
      const { token, error } = await runCheck({ request, url: request.url ?? '', headers: request.headers })
      if (error) sendResponse(response, error)
      return token
    },
    toHandler: respond => (request, response) => {
      const metadata = respond(request.method, request.url ?? '')
      if (metadata) sendResponse(response, metadata)
      return metadata !== undefined
    },
  })
}

export default nodeGuard
