import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { Config } from '../config/config.ts'
import { forbidden, signedOut } from '../errors/errors.ts'
import { problem } from '../http/schemas.ts'
import type { SessionToken } from '../tokens/session-token.ts'
import { toUser, UserSchema } from '../users/schemas.ts'
import { isFresh, notFresh } from '../users/sessions.ts'
import { mustAddFactor } from './security/require-factor.ts'
import { csrfBinding, type ReadSessionOptions, readSession, useSessions } from './session.ts'
import { texts } from './texts.ts'

export interface SessionAuthenticationOptions extends ReadSessionOptions {
  sessionToken: SessionToken
  config: Pick<Config, 'mfa'>
  /** Whether the body contains credentials, which take precedence over a session. */
  hasCredentialsInBody: (request: FastifyRequest) => boolean
}

const HEADER = 'x-csrf-token'
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Authenticates requests to the routes of this context by the session of the pages. A request with a token or other
 * credentials is authenticated by those alone. Requests that change something need the session's CSRF token in
 * `X-CSRF-Token`; requests that read must not come from another site.
 */
export async function useSessionAuthentication(
  api: FastifyInstance,
  options: SessionAuthenticationOptions,
): Promise<void> {
  const { site, sessionToken, config, hasCredentialsInBody } = options
  await useSessions(api, { site, csrfToken: ({ headers }) => headers[HEADER]?.toString() })

  api.setErrorHandler((error: { code?: string }) => {
    throw error.code?.startsWith('FST_CSRF_') ? forbidden(CSRF_REQUIRED) : error
  })
  async function authenticateSession(request: FastifyRequest): Promise<void> {
    await readSession(request, options)
    if (request.signedIn?.user.mustChangePassword) throw forbidden(texts.newPassword.first)
    if (request.signedIn && mustAddFactor(request.signedIn, config)) throw forbidden(texts.security.first)
    if (request.signedIn) request.token = await sessionToken(request.signedIn)
  }

  // Before validation, like the checks of the routes: only authorized callers get validation errors.
  api.addHook('preValidation', (request, reply, done) => {
    // Synchronous for requests with credentials, which are most of them.
    if (hasBearerToken(request) || hasCredentialsInBody(request) || !isSameOrigin(request)) return done()
    const changes = () => request.signedIn && !SAFE.has(request.method)
    const checkFreshness = (error?: Error) => done(error ?? freshnessProblem(request))
    authenticateSession(request).then(
      () => (changes() ? api.csrfProtection(request, reply, checkFreshness) : done()),
      done,
    )
  })
  api.get('/session', { schema }, async (request, reply) => {
    if (!request.signedIn) throw signedOut()
    return { data: toUser(request.signedIn.user), csrf_token: reply.generateCsrf({ userInfo: csrfBinding(request) }) }
  })
}

const CSRF_REQUIRED = 'Requests with a session need its CSRF token in X-CSRF-Token. Get it from GET /api/session.'

/**
 * Redirect URIs and secrets of apps decide who gets tokens, and tokens of service accounts outlive the user's access, so they
 * need a recently entered password, as on the pages.
 */
const freshnessProblem = ({ signedIn, routeOptions }: FastifyRequest): Error | undefined =>
  signedIn && routeOptions.config.needsFreshSignIn && !isFresh(signedIn.session) ? notFresh() : undefined

const hasBearerToken = ({ headers, query }: FastifyRequest) =>
  headers.authorization !== undefined || Object.hasOwn(query as object, 'access_token')

/** By Fetch Metadata. Clients without it are not browsers, so no other site can make them send the cookie. */
const isSameOrigin = ({ method, headers }: FastifyRequest) =>
  !SAFE.has(method) || headers['sec-fetch-site'] !== 'cross-site'

const schema = {
  operationId: 'getSession',
  summary: 'Get the session of the pages',
  description:
    'For scripts on pages of this site: returns the signed-in user and the CSRF token, which requests send in `X-CSRF-Token`. With it and the session cookie, scripts can call every route below `/api`.',
  tags: ['User'],
  security: [],
  response: {
    200: Type.Object({
      data: UserSchema,
      csrf_token: Type.String({ examples: ['VnMj1y4z-4dYtVHPmO8gB-d3k0v1qQ'] }),
    }),
    401: problem('Nobody is signed in'),
  },
}
