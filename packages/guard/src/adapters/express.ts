import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Token } from '../token.ts'
import { createChecks } from './checks.ts'
import type { AdapterOptions, Checks } from './public.ts'
import { sendError } from './send-error.ts'

export * from './public.ts'

declare global {
  namespace Express {
    interface Request {
      /** The verified token, in a handler behind a check. */
      token: Token
    }
  }
}

/** A middleware; it reads a form in `request.body` where one was parsed before. */
export type ExpressCheck = (
  request: IncomingMessage & { body?: unknown },
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void

/** The guard for Express: `app.get('/orders', checkScopes('orders:read'), handler)` with the token in `request.token`. */
export function expressGuard(options: AdapterOptions): Checks<ExpressCheck> {
  return createChecks<ExpressCheck>(options, runCheck => async (request, response, next) => {
    const { url = '', headers, body } = request
    const { token, error } = await runCheck({ request, url, headers, body })
    if (error) return sendError(response, error)
    Object.assign(request, { token })
    next()
  })
}
