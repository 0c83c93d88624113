import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Token } from '../token.ts'
import { createChecks } from './checks.ts'
import type { AdapterOptions, Checks } from './public.ts'
import { sendResponse } from './send-response.ts'

export { tokenOf } from '../token-of.ts'
export * from './public.ts'

declare global {
  namespace Express {
    interface Request {
      /** The verified token, in a handler after a check. `tokenOf` returns it typed. */
      token?: Token
    }
  }
}

/** A middleware. It also reads `request.body` if an earlier middleware parsed a form. */
export type ExpressCheck = (
  request: IncomingMessage & { body?: unknown },
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void

/**
 * The guard for Express. A check sets `request.token`, or sends the error response: 401, 403, 400 or 503 with problem details
 * (RFC 9457) and the challenge of RFC 6750 §3.
 * @throws TypeError that names an option that is missing or empty
 * @example
 * const { checkScopes, close } = expressGuard({ issuer: 'https://id.example.com', audience: 'https://orders.example.com' })
 * app.get('/orders', checkScopes('orders:read'), (request, response) => response.json({ of: tokenOf(request).userId }))
 * server.on('close', close)
 */
export function expressGuard(options: AdapterOptions): Checks<ExpressCheck> {
  return createChecks<ExpressCheck, ExpressCheck>(options, {
    toCheck: runCheck => async (request, response, next) => {
      const { url = '', headers, body } = request
      const { token, error } = await runCheck({ request, url, headers, body })
      if (error) return sendResponse(response, error)
      Object.assign(request, { token })
      next()
    },
    toHandler: respond => (request, response, next) => {
      const metadata = respond(request.method, request.url ?? '')
      if (metadata) sendResponse(response, metadata)
      else next()
    },
  })
}

export default expressGuard
