import type { FastifyInstance, FastifyRequest } from 'fastify'
import { forbidden, signedOut } from '../errors/errors.ts'
import type { SignedIn } from '../users/sessions.ts'
import { type Site, signInPath } from './site.ts'
import { texts } from './texts.ts'

export interface RequireSignedInOptions {
  site: Site
  /** Who may open the pages: all users, or administrators only. */
  role?: 'user' | 'admin'
}

/**
 * Requires a signed-in user for every route of this context. Others are redirected to sign in and then back. Forms need a
 * CSRF token, and the routes are not in the OpenAPI document.
 */
export function requireSignedIn(app: FastifyInstance, { site, role = 'user' }: RequireSignedInOptions): void {
  app.addHook('onRoute', route => {
    route.schema = { ...route.schema, hide: true } as never
  })
  app.addHook('preHandler', async (request, reply) => {
    const reads = request.method === 'GET' || request.method === 'HEAD'
    if (!request.signedIn) {
      if (!reads) throw signedOut()
      return reply.redirect(signInPath(site, site.absoluteUrl(request.url)), 303)
    }
    if (role === 'admin' && request.signedIn.user.role !== 'admin') throw forbidden(texts.error.adminOnly)
  })
  app.addHook('preHandler', (request, reply, done) =>
    request.method === 'POST' ? app.csrfProtection(request, reply, done) : done(),
  )
}

/** The signed-in user, in a context of `requireSignedIn`. */
export function signedInOf({ signedIn }: FastifyRequest): SignedIn {
  if (signedIn) return signedIn
  throw signedOut()
}
