import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { setActor } from '../audit/actor.ts'
import type { Params } from '../grants/grant.ts'
import { hashSecret } from '../security/secrets.ts'
import type { ApplicationSession } from '../users/application.ts'
import { type ApplicationSignIn, BY_APPLICATION } from '../users/application-sign-in.ts'
import type { OwnUsers } from '../users/own-users.ts'
import type { Sessions } from '../users/sessions.ts'
import type { StartSession } from './session.ts'
import { localPath, type Site } from './site.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Who is signed in at the application, on the sign-in page. */
    offered: { name: string } | undefined
  }
}

export interface ApplicationSessionOptions {
  site: Site
  sessions: Sessions
  ownUsers: Pick<OwnUsers, 'describeNow'>
  applicationSignIn: ApplicationSignIn
  startSession: StartSession
}

/** Somebody who signed out here stays signed out for so many seconds, although still signed in at the application. */
const SIGNED_OUT_SECONDS = 43_200

const markerName = ({ sessionCookie }: Site) => `${sessionCookie}-out`
const markerOf = (subject: string) => hashSecret(`signed out ${subject}`).toString('base64url')

/** Pages that people without a session use. They ask who is signed in at the application only to offer it. */
const OF_STRANGERS = /\/(login|oidc|reset-password|forgot-password|confirm-email|language)(\/|$)/

/**
 * Signs in people who are signed in at the application: a session here that lasts as long as the one there. What another
 * site makes a browser send cannot change who is signed in there, and forms need a CSRF token of the session here.
 */
export function createApplicationSession(options: ApplicationSessionOptions) {
  const { site, ownUsers, applicationSignIn, startSession } = options

  async function begin(request: FastifyRequest, reply: FastifyReply, there: ApplicationSession): Promise<boolean> {
    const user = await applicationSignIn.userOf(there)
    if (!user) return false
    const provider = { issuer: BY_APPLICATION, session: undefined, provedAt: there.signedInAt }
    const begun = await startSession(request, reply, user, { provider })
    request.signedIn = begun && { ...begun, user: ownUsers.describeNow(begun.user) }
    setActor({ userId: user.id, sessionId: request.signedIn?.session.id ?? null })
    reply.clearCookie(markerName(site), site.cookieOptions)
    return true
  }

  /** Offers on the sign-in page to continue. It shows also while the application is away: others sign in there as well. */
  async function offer(request: FastifyRequest): Promise<void> {
    const there = await applicationSignIn.sessionOf(request.raw).catch(() => undefined)
    const user = there && (await applicationSignIn.userOf(there).catch(() => undefined))
    if (user) request.offered = { name: ownUsers.describeNow(user).name }
  }

  /** The hook of the pages, after the session was read. */
  async function signIn(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    if (!applicationSignIn.sharesSessions || request.signedIn) return
    if (request.method !== 'GET' && request.method !== 'HEAD') return
    if (OF_STRANGERS.test(request.routeOptions.url ?? '')) return offer(request)
    const there = await applicationSignIn.sessionOf(request.raw)
    if (!there || request.cookies[markerName(site)] === markerOf(there.id)) return
    await begin(request, reply, there)
  }

  /** `POST /login/application`: somebody who signed out here continues as who they are there. */
  const routes: FastifyPluginAsync = async app => {
    const hidden = { preHandler: app.csrfProtection, schema: { hide: true } as never }
    app.post('/login/application', hidden, async (request, reply) => {
      const next = localPath(((request.body ?? {}) as Params).next)
      const there = await applicationSignIn.sessionOf(request.raw)
      const began = there !== undefined && (await begin(request, reply, there))
      return reply.redirect(began ? (next ?? `${site.base}/tokens`) : `${site.base}/login`, 303)
    })
  }

  return { signIn, routes }
}

/** Remembers that somebody signed out here, so that the next page does not sign them in again. */
export function rememberSignOut(reply: FastifyReply, site: Site): void {
  const { session, user } = reply.request.signedIn ?? {}
  if (session?.provider !== BY_APPLICATION || !user?.subject) return
  const marker = { ...site.cookieOptions, maxAge: SIGNED_OUT_SECONDS }
  reply.setCookie(markerName(site), markerOf(user.subject), marker)
}
