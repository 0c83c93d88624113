import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { forbidden, signedOut } from '../errors/errors.ts'
import { problem } from '../http/schemas.ts'
import type { SessionToken } from '../tokens/session-token.ts'
import { toUser, UserSchema } from '../users/schemas.ts'
import { isFresh, type Sessions } from '../users/sessions.ts'
import { csrfBinding, readSession, useSessions } from './session.ts'
import type { Site } from './site.ts'
import { texts } from './texts.ts'

export interface SessionAuthenticationOptions {
  site: Site
  sessions: Sessions
  sessionToken: SessionToken
  /** Whether a request proves by itself who it is from; then a session does not count. */
  hasCredentialsInBody: (request: FastifyRequest) => boolean
}

const HEADER = 'x-csrf-token'
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Lets people who are signed in at the pages use the routes of this context without a token: what their own browser sends
 * from a page of ours. A request that carries a token, anywhere, is judged by that alone. What changes something needs
 * the session's CSRF token in `X-CSRF-Token`; what reads must not come from another site.
 */
export async function useSessionAuthentication(
  api: FastifyInstance,
  options: SessionAuthenticationOptions,
): Promise<void> {
  const { site, sessions, sessionToken, hasCredentialsInBody } = options
  await useSessions(api, { site, csrfToken: ({ headers }) => headers[HEADER]?.toString() })

  api.setErrorHandler((error: { code?: string }) => {
    throw error.code?.startsWith('FST_CSRF_') ? forbidden(CSRF_REQUIRED) : error
  })
  async function authenticateSession(request: FastifyRequest): Promise<void> {
    await readSession(request, site, sessions)
    if (request.signedIn?.user.mustChangePassword) throw forbidden(texts.newPassword.first)
    if (request.signedIn) request.token = await sessionToken(request.signedIn)
  }

  // Before validation, like the checks of the routes: what a body should be is said only to whoever may send it.
  api.addHook('preValidation', (request, reply, done) => {
    // With a token nothing has to be waited for.
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

const NOT_FRESH =
  'By a session this is possible for ten minutes after the password was entered. Sign in again, or use the page of the app.'

/** Redirect URIs and secrets of apps decide who gets tokens, so that a session alone is not enough, as on the pages. */
const freshnessProblem = ({ signedIn, routeOptions }: FastifyRequest): Error | undefined =>
  signedIn && routeOptions.config.needsFreshSignIn && !isFresh(signedIn.session) ? forbidden(NOT_FRESH) : undefined

const hasBearerToken = ({ headers, query }: FastifyRequest) =>
  headers.authorization !== undefined || Object.hasOwn(query as object, 'access_token')

/** Browsers say where a request comes from (Fetch Metadata); what is not a browser has no cookie of ours by accident. */
const isSameOrigin = ({ method, headers }: FastifyRequest) =>
  !SAFE.has(method) || headers['sec-fetch-site'] !== 'cross-site'

const schema = {
  operationId: 'getSession',
  summary: 'Get the session of the pages',
  description:
    'For scripts on pages of this very site: who is signed in, and the CSRF token that their requests send in `X-CSRF-Token`. With it and the session’s cookie they may call every route below `/api`.',
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
