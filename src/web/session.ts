import cookie from '@fastify/cookie'
import csrf from '@fastify/csrf-protection'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { setActor } from '../audit/actor.ts'
import type { Config } from '../config/config.ts'
import { DEVICE_LIFETIME, type DeviceCookies } from '../users/device-cookies.ts'
import type { Sessions, SignedIn } from '../users/sessions.ts'
import type { User } from '../users/user.entity.ts'
import type { Site } from './site.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The signed-in user, in contexts that read the session. */
    signedIn: SignedIn | undefined
  }
}

export interface SessionOptions {
  site: Site
  /** Where a request carries its CSRF token. */
  csrfToken: (request: FastifyRequest) => string | undefined
}

/** Sets up cookies and CSRF tokens in this context. */
export async function useSessions(app: FastifyInstance, { site, csrfToken }: SessionOptions): Promise<void> {
  await app.register(cookie)
  await app.register(csrf, {
    cookieKey: site.csrfCookie,
    cookieOpts: site.cookieOptions,
    // A missing token is verified as undefined, and fails.
    getToken: request => csrfToken(request) as string,
    getUserInfo: csrfBinding,
    csrfOpts: { hmacKey: site.csrfKey, userInfo: true },
  })
  app.decorateRequest('signedIn', undefined)
}

/** A CSRF token is valid only in the session that it was created in. */
export const csrfBinding = ({ signedIn }: FastifyRequest) => signedIn?.session.id ?? 'nobody'

/** Reads the session and sets its user as the actor of the request. */
export async function readSession(request: FastifyRequest, site: Site, sessions: Sessions): Promise<void> {
  const text = request.cookies[site.sessionCookie]
  request.signedIn = text === undefined ? undefined : await sessions.find(text)
  if (request.signedIn) {
    const { session, user } = request.signedIn
    setActor({ userId: user.id, sessionId: session.id })
  }
}

/** Starts a session in the browser, for a user whose password was just verified. */
export type StartSession = (request: FastifyRequest, reply: FastifyReply, user: User) => Promise<void>

export interface StartSessionOptions {
  site: Site
  sessions: Sessions
  deviceCookies: DeviceCookies
  config: Pick<Config, 'sessionLifetime'>
}

export function createStartSession({ site, sessions, deviceCookies, config }: StartSessionOptions): StartSession {
  return async (request, reply, user) => {
    const device = { address: request.ip, userAgent: request.headers['user-agent'] ?? '' }
    const text = await sessions.create(user, device, request.cookies[site.sessionCookie])
    reply.setCookie(site.sessionCookie, text, { ...site.cookieOptions, maxAge: config.sessionLifetime })
    const known = deviceCookies.issue(user.email)
    reply.setCookie(site.deviceCookie, known, { ...site.cookieOptions, maxAge: DEVICE_LIFETIME })
  }
}
