import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import type { Config } from '../config/config.ts'
import { signedOut } from '../errors/errors.ts'
import { loginRequired } from '../errors/protocol.ts'
import type { Params } from '../grants/grant.ts'
import { peerOf } from '../http/forwarded.ts'
import type { AuthorizeRequest } from '../oauth/authorize-request.ts'
import { AuthorizationErrorResponse, errorLocation } from '../oauth/authorize-response.ts'
import { rejectOtherMethods } from '../oauth/context.ts'
import { BY_APPLICATION } from '../users/application-sign-in.ts'
import type { SignedIn } from '../users/sessions.ts'
import { authorizeSchema } from './authorize-schema.ts'
import { type ConfirmOptions, createConfirm } from './confirm.ts'
import { type ConsentPagesOptions, createConsentPages } from './consent-pages.ts'
import { allowPopups } from './popup.ts'
import { approvesAdminScope } from './scope-choice.ts'
import { signInPath } from './site.ts'

export type AuthorizeRoutesOptions = ConsentPagesOptions &
  Omit<ConfirmOptions, 'config'> & { config: Pick<Config, 'issuer' | 'oidc'> }

/** Below /oauth: the authorization endpoint (RFC 6749 §3.1) and the consent form. */
export function authorizeRoutes(options: AuthorizeRoutesOptions): FastifyPluginAsync {
  const { site, requests, decisions, storeRequest, config } = options
  const consent = createConsentPages(options)
  const confirm = createConfirm({ ...options, isSensitive: approvesAdminScope, redirects: true })

  return async app => {
    allowPopups(app)
    app.setErrorHandler(async (error, request, reply) => {
      if (!(error instanceof AuthorizationErrorResponse)) throw error
      // Whoever denies access has seen where the redirect leads.
      const wasDenied = error.code === 'access_denied'
      if (!wasDenied && !(await decisions.mayRedirect(error.to, request.signedIn))) throw error
      return reply.redirect(errorLocation(config.issuer, error), 303)
    })

    rejectOtherMethods(app, '/authorize', ['GET', 'POST'])
    app.get('/authorize', { schema: authorizeSchema, validatorCompiler: () => () => true }, async (request, reply) => {
      const query = queryOf(request)
      const showRequest = await requests.read(query)
      const { signedIn } = request
      if (signedIn && !requiresSignIn(showRequest, signedIn)) return consent.show(reply, showRequest, signedIn, query)
      if (showRequest.prompt.has('none'))
        throw new AuthorizationErrorResponse(showRequest, loginRequired('Nobody is signed in.'))
      return reply.redirect(signInPath(site, await storeRequest(showRequest, peerOf(request))), 303)
    })

    app.post(
      '/consent',
      { preHandler: [app.csrfProtection, confirm], schema: { hide: true } as never, errorHandler: consent.stale },
      async (request, reply) => {
        if (!request.signedIn) throw signedOut()
        return consent.decide(reply, (request.body ?? {}) as Params, request.signedIn)
      },
    )

    await app.register(postedRequests(options))
  }
}

/**
 * Authorization requests by POST (RFC 6749 §3.1). A cross-site POST has no session cookie, so the browser is redirected to
 * the same request by GET, with a `request_uri`.
 */
function postedRequests({ requests, storeRequest }: AuthorizeRoutesOptions): FastifyPluginAsync {
  return async app => {
    app.removeAllContentTypeParsers()
    app.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'string' },
      async (_: unknown, text: string) => text,
    )
    app.post('/authorize', { bodyLimit: MAX_QUERY_LENGTH, schema: { hide: true } as never }, async (request, reply) => {
      const posted = await requests.read(String(request.body ?? ''))
      return reply.redirect(await storeRequest(posted, peerOf(request)), 303)
    })
  }
}

/** Longer URLs are rejected by some browsers and proxies. */
const MAX_QUERY_LENGTH = 8_000

/** Signing in since the request was stored satisfies `prompt`. */
function requiresSignIn({ prompt, stored }: AuthorizeRequest, { session }: SignedIn): boolean {
  if (!prompt.has('login') && !prompt.has('select_account')) return false
  // A session at the application may have begun long before the one here.
  const since = session.provider === BY_APPLICATION ? (session.provedAt ?? new Date(0)) : session.createdAt
  return !stored || since < stored.createdAt
}

export const queryOf = ({ url }: Pick<FastifyRequest, 'url'>) => url.slice(url.indexOf('?') + 1 || url.length)
