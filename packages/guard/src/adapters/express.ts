import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Token } from '../token.ts'
import { answer } from './answer.ts'
import { createChecks } from './checks.ts'
import type { AdapterOptions, Checks } from './public.ts'

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
  return createChecks<ExpressCheck>(options, judge => async (request, response, next) => {
    const { url = '', headers, body } = request
    const { token, refusal } = await judge({ request, url, headers, body })
    if (refusal) return answer(response, refusal)
    Object.assign(request, { token })
    next()
  })
}
