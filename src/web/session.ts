import cookie from '@fastify/cookie'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { setActor } from '../audit/actor.ts'
import type { Config } from '../config/config.ts'
import { type ApplicationSignIn, BY_APPLICATION } from '../users/application-sign-in.ts'
import { DEVICE_LIFETIME, type DeviceCookies } from '../users/device-cookies.ts'
import type { OwnUsers } from '../users/own-users.ts'
import type { Session } from '../users/session.entity.ts'
import type { Device, Sessions, SignedIn } from '../users/sessions.ts'
import type { User } from '../users/user.entity.ts'
import { type CsrfOptions, useCsrf } from './csrf.ts'
import { deviceName } from './device-name.ts'
import { stripBidiControls } from './phrase.ts'
import type { Site } from './site.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The signed-in user, in contexts that read the session. */
    signedIn: SignedIn | undefined
  }
}

/** Sets up cookies and CSRF tokens in this context. */
export async function useSessions(app: FastifyInstance, options: Omit<CsrfOptions, 'userInfoOf'>): Promise<void> {
  await app.register(cookie)
  useCsrf(app, { ...options, userInfoOf: csrfBinding })
  app.decorateRequest('signedIn', undefined)
  app.decorateRequest('offered', undefined)
}

/** A CSRF token is valid only in the session that it was created in. */
export const csrfBinding = ({ signedIn }: FastifyRequest) => signedIn?.session.id ?? 'nobody'

/** Reads the session and sets its user as the actor of the request. */
export async function readSession(request: FastifyRequest, options: ReadSessionOptions): Promise<void> {
  const text = request.cookies[options.site.sessionCookie]
  request.signedIn = text === undefined ? undefined : await findSession(request, text, options)
  if (request.signedIn) {
    const { session, user } = request.signedIn
    setActor({ userId: user.id, sessionId: session.id })
  }
}

export interface ReadSessionOptions {
  site: Site
  sessions: Sessions
  ownUsers: Pick<OwnUsers, 'confirm' | 'describeNow'>
  applicationSignIn: ApplicationSignIn
}

/** @throws 503 if the user is one of an application that does not answer */
async function findSession(
  request: FastifyRequest,
  text: string,
  { sessions, ownUsers, applicationSignIn }: ReadSessionOptions,
): Promise<SignedIn | undefined> {
  const found = await sessions.find(text)
  if (!found || found.user.subject === null) return found
  if (await isOver(applicationSignIn, request, found.session, found.user.subject)) {
    await sessions.end(text)
    return undefined
  }
  await ownUsers.confirm(found.user.subject)
  // What the application says may have ended it.
  const confirmed = await sessions.find(text)
  return confirmed && { ...confirmed, user: ownUsers.describeNow(confirmed.user) }
}

/** Whether a session here came from one at the application that is over, or is somebody else's by now. */
async function isOver(
  applicationSignIn: ApplicationSignIn,
  request: FastifyRequest,
  { provider }: Pick<Session, 'provider'>,
  subject: string | null,
): Promise<boolean> {
  if (provider !== BY_APPLICATION) return false
  return (await applicationSignIn.sessionOf(request.raw))?.id !== subject
}

type Authentication = Pick<Device, 'provider' | 'methods' | 'provedAt'>

/** Starts a session in the browser, for a user who was just authenticated. Default: by password. */
export type StartSession = (
  request: FastifyRequest,
  reply: FastifyReply,
  user: User,
  by?: Authentication,
) => Promise<SignedIn | undefined>

/**
 * How the user of a session was authenticated, for a new session that takes its place: it is no fresher, and stays under the
 * control of the provider that began it.
 */
export function authenticationOf({ session, hasFactors }: SignedIn): Authentication {
  const { provider, providerSession, methods } = session
  const provedAt = session.provedAt ?? session.createdAt
  if (provider) return { provider: { issuer: provider, session: providerSession ?? undefined, provedAt } }
  // A factor that was removed is no method any more.
  return { methods: hasFactors ? methods?.split(' ') : undefined, provedAt }
}

export interface StartSessionOptions {
  site: Site
  sessions: Sessions
  deviceCookies: DeviceCookies
  config: Pick<Config, 'sessionLifetime'>
}

export function createStartSession({ site, sessions, deviceCookies, config }: StartSessionOptions): StartSession {
  return async (request, reply, user, by = {}) => {
    const isKnown = deviceCookies.read(request.cookies[site.deviceCookie], user.email ?? user.id) !== undefined
    const userAgent = request.headers['user-agent'] ?? ''
    const newDevice = isKnown ? undefined : stripBidiControls(deviceName(userAgent))
    const device = { address: request.ip, userAgent, newDevice, ...by }
    const text = await sessions.create(user, device, request.cookies[site.sessionCookie])
    reply.setCookie(site.sessionCookie, text, { ...site.cookieOptions, maxAge: config.sessionLifetime })
    const known = deviceCookies.issue(user.email ?? user.id)
    reply.setCookie(site.deviceCookie, known, { ...site.cookieOptions, maxAge: DEVICE_LIFETIME })
    return sessions.find(text)
  }
}
