import type { FastifyPluginAsync, FastifyReply } from 'fastify'
import type { Session } from '../users/session.entity.ts'
import type { Sessions } from '../users/sessions.ts'
import { deviceName } from './device-name.ts'
import { stripBidiControls } from './phrase.ts'
import { idOf } from './query.ts'
import { signedInOf } from './signed-in.ts'
import type { Site } from './site.ts'

/** Ends sessions of the user: one, or all. Register it in a context of `requireSignedIn`. */
export function accountSessions({ sessions, site }: { sessions: Sessions; site: Site }): FastifyPluginAsync {
  const signedOut = (reply: FastifyReply) =>
    reply.clearCookie(site.sessionCookie, site.cookieOptions).redirect(`${site.base}/login`, 303)

  return async app => {
    app.post('/account/sessions/:id/end', async (request, reply) => {
      const { user, session } = signedInOf(request)
      const id = idOf(request)
      await sessions.endOne(user.id, id)
      return id === session.id ? signedOut(reply) : reply.redirectTo('/account', 'sessionEnded')
    })

    app.post('/account/sessions/end', async (request, reply) => {
      await sessions.endAll(signedInOf(request).user.id)
      return signedOut(reply)
    })
  }
}

/** A session for the account page. @param current id of the session of the request */
export function sessionView({ id, address, userAgent, createdAt, lastSeenAt }: Session, current: string) {
  const device = stripBidiControls(deviceName(userAgent))
  return { id, device, userAgent: stripBidiControls(userAgent), address, createdAt, lastSeenAt, here: id === current }
}
