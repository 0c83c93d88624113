import type { FastifyInstance, FastifyReply, FastifyRequest, preHandlerHookHandler } from 'fastify'
import type { Site } from './site.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Rejects a request without the CSRF token of its session. */
    csrfProtection: preHandlerHookHandler
  }
  interface FastifyReply {
    /** The CSRF token for a form or script of this response. */
    generateCsrf(options: { userInfo: string }): string
  }
}

export interface CsrfOptions {
  site: Site
  /** Where a request carries its CSRF token. */
  csrfToken: (request: FastifyRequest) => string | undefined
  /** What a token is bound to. */
  userInfoOf: (request: FastifyRequest) => string
}

/** Decorates this context with `csrfProtection` and `generateCsrf`. It needs `@fastify/cookie`. */
export function useCsrf(app: FastifyInstance, { site, csrfToken, userInfoOf }: CsrfOptions): void {
  const { csrfCookie, csrfTokens, cookieOptions } = site
  app.decorateReply('generateCsrf', function (this: FastifyReply, { userInfo }) {
    const known = this.request.cookies[csrfCookie]
    const secret = known || csrfTokens.newSecret()
    if (!known) this.setCookie(csrfCookie, secret, cookieOptions)
    return csrfTokens.create(secret, userInfo)
  })
  app.decorate('csrfProtection', (request: FastifyRequest, reply: FastifyReply, next: (error?: Error) => void) => {
    const secret = request.cookies[csrfCookie]
    if (!secret) return void reply.send(csrfError('FST_CSRF_MISSING_SECRET', 'Missing csrf secret'))
    const text = csrfToken(request)
    const isValid = typeof text === 'string' && csrfTokens.verify(secret, text, userInfoOf(request))
    if (!isValid) return void reply.send(csrfError('FST_CSRF_INVALID_TOKEN', 'Invalid csrf token'))
    next()
  })
}

const csrfError = (code: string, message: string) => Object.assign(new Error(message), { code, statusCode: 403 })
