import type { FastifyPluginAsync } from 'fastify'
import type { Sessions } from '../users/sessions.ts'
import { rememberSignOut } from './application-session.ts'
import { allowPopups } from './popup.ts'
import type { Site } from './site.ts'
import { redirectOnSignOut } from './stale-form.ts'

/** Signing out. */
export function signOutRoutes({ site, sessions }: { site: Site; sessions: Sessions }): FastifyPluginAsync {
  const { base, sessionCookie, cookieOptions } = site

  return async app => {
    allowPopups(app)
    const errorHandler = redirectOnSignOut(base)
    const options = { preHandler: app.csrfProtection, schema: { hide: true } as never, errorHandler }
    app.post('/logout', options, async (request, reply) => {
      const text = request.cookies[sessionCookie]
      if (text !== undefined) await sessions.end(text)
      rememberSignOut(reply, site)
      return reply.clearCookie(sessionCookie, cookieOptions).redirect(`${base}/login`, 303)
    })
  }
}
