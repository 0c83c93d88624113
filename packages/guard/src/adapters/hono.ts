import type { Token } from '../token.ts'
import { createChecks } from './checks.ts'
import type { AdapterOptions, Checks } from './public.ts'

export * from './public.ts'

/** For `new Hono<{ Variables: GuardVariables }>()`. */
export interface GuardVariables {
  /** The verified token, in a handler behind a check. */
  token: Token
}

/** What is used of Hono's `Context`. */
export interface HonoContext {
  req: { raw: object; url: string; header(name: string): string | undefined }
  set(name: 'token', token: Token): void
  body(text: string, status: number, headers: Record<string, string>): Response
}

/** A middleware. */
export type HonoCheck = (c: HonoContext, next: () => Promise<void>) => Promise<Response | undefined>

/** The guard for Hono: `app.get('/orders', checkScopes('orders:read'), handler)` with the token in `c.get('token')`. */
export function honoGuard(options: AdapterOptions): Checks<HonoCheck> {
  return createChecks<HonoCheck>(options, runCheck => async (c, next) => {
    const headers = { authorization: c.req.header('authorization') }
    const { token, error } = await runCheck({ request: c.req.raw, url: c.req.url, headers })
    if (error) return c.body(error.body, error.status, error.headers)
    c.set('token', token)
    await next()
    return undefined
  })
}
