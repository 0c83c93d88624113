import type { Token } from '../token.ts'
import { createChecks } from './checks.ts'
import type { AdapterOptions, Checks } from './public.ts'

export * from './public.ts'

/** The variables of a guarded application: `new Hono<{ Variables: GuardVariables }>()`. */
export interface GuardVariables {
  /** The verified token, in a handler after a check. */
  token: Token
}

/** The members of Hono's `Context` that the guard uses. */
export interface HonoContext {
  req: { raw: object; method: string; url: string; header(name: string): string | undefined }
  set(name: 'token', token: Token): void
  body(text: string | null, status: number, headers: Record<string, string>): Response
}

/** A middleware. */
export type HonoCheck = (c: HonoContext, next: () => Promise<void>) => Promise<Response | undefined>

/**
 * The guard for Hono on Node. A check sets the variable `token`, or returns the error response: 401, 403, 400 or 503 with
 * problem details (RFC 9457) and the challenge of RFC 6750 §3.
 * @throws TypeError that names an option that is missing or empty
 * @example
 * const { checkScopes, close } = honoGuard({ issuer: 'https://id.example.com', audience: 'https://orders.example.com' })
 * const app = new Hono<{ Variables: GuardVariables }>()
 * app.get('/orders', checkScopes('orders:read'), c => c.json({ of: c.get('token').userId }))
 */
export function honoGuard(options: AdapterOptions): Checks<HonoCheck> {
  return createChecks<HonoCheck, HonoCheck>(options, {
    toCheck: runCheck => async (c, next) => {
      const headers = { authorization: c.req.header('authorization') }
      const { token, error } = await runCheck({ request: c.req.raw, url: c.req.url, headers })
      if (error) return c.body(error.body, error.status, error.headers)
      c.set('token', token)
      await next()
      return undefined
    },
    toHandler: respond => async (c, next) => {
      const metadata = respond(c.req.method, c.req.url)
      // A 204 must have no body, not even an empty one.
      if (metadata) return c.body(metadata.body || null, metadata.status, metadata.headers)
      await next()
      return undefined
    },
  })
}

export default honoGuard
