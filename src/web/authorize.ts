import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { Config } from '../config/config.ts'
import { badRequest, signedOut } from '../errors/errors.ts'
import { consentRequired, loginRequired } from '../errors/protocol.ts'
import type { Params } from '../grants/grant.ts'
import { peerOf } from '../http/forwarded.ts'
import type { AuthorizationDecisions } from '../oauth/authorize-decision.ts'
import type { ConsentForms } from '../oauth/authorize-form.ts'
import type { AuthorizeRequest, AuthorizeRequests } from '../oauth/authorize-request.ts'
import { AuthorizationErrorResponse, errorLocation } from '../oauth/authorize-response.ts'
import type { SignedIn } from '../users/sessions.ts'
import { type ConsentView, destination, tickedScopes } from './consent.ts'
import { allowPopups } from './popup.ts'
import { chosenScopes } from './scope-choice.ts'
import { type Site, signInPath } from './site.ts'
import { isStaleForm, staleFormText } from './stale-form.ts'
import type { StoreRequest } from './store-request.ts'
import { texts } from './texts.ts'

export interface AuthorizeRoutesOptions {
  site: Site
  requests: AuthorizeRequests
  decisions: AuthorizationDecisions
  forms: ConsentForms
  consentView: ConsentView
  storeRequest: StoreRequest
  config: Pick<Config, 'issuer'>
}

/** Below /oauth: the authorization endpoint (RFC 6749 §3.1) and the consent form. */
export function authorizeRoutes(options: AuthorizeRoutesOptions): FastifyPluginAsync {
  const { site, requests, decisions, forms, consentView, storeRequest, config } = options

  async function showConsent(
    reply: FastifyReply,
    request: AuthorizeRequest,
    signedIn: SignedIn,
    query: string,
    refusal?: { status: number; message: string },
  ) {
    const scopes = await decisions.scopes(request, signedIn)
    // After an outdated form the user decides again, even if the app was authorized before.
    const location = refusal ? undefined : await decisions.approveFromConsent(request, signedIn, scopes)
    if (location) return reply.redirect(location, 303)
    if (request.prompt.has('none'))
      throw new AuthorizationErrorResponse(request, consentRequired('The user has to be asked.'))
    const { client, redirectUri } = request
    const view = await consentView({ client, scopes, audience: request.audience }, signedIn.user)
    const form = await forms.seal({ query, scopes }, signedIn)
    const other = signInPath(site, await storeRequest(request, { address: signedIn.user.id, shared: false }))
    const more = { form, other, destinationHtml: destination(redirectUri) }
    return reply.page(
      'consent.eta',
      { ...view, ...more, refusal: refusal?.message },
      { status: refusal?.status ?? 200, redirects: true },
    )
  }

  /** Handles a form from an earlier session: shows the consent page again, or a link to sign in. */
  async function staleConsent(error: { code?: string }, request: FastifyRequest, reply: FastifyReply) {
    if (!isStaleForm(error)) throw error
    const query = await forms.queryOf(((request.body ?? {}) as Params).form)
    if (query === undefined) throw error
    const again = await requests.read(query)
    const refusal = { status: 403, message: staleFormText(error) }
    if (request.signedIn) return showConsent(reply, again, request.signedIn, query, refusal)
    const signIn = signInPath(site, await storeRequest(again, peerOf(request)))
    return reply.page('error.eta', { title: texts.error.title, detail: refusal.message, signIn }, { status: 403 })
  }

  /** Processes the consent form. The sealed form contains the request that it belongs to. */
  async function decide(reply: FastifyReply, body: Params, signedIn: SignedIn) {
    const { _csrf, form, decision, ...rest } = body
    if (Object.keys(rest).length > chosenScopes(rest).length)
      throw badRequest('The form was sent with more than it has.')
    if (decision !== 'approve' && decision !== 'deny') throw badRequest('decision must be approve or deny.')
    const shown = await forms.open(form, signedIn)
    const request = await requests.read(shown.query)
    const showConsentAgain = (message: string) =>
      showConsent(reply, request, signedIn, shown.query, { status: 400, message })
    if (!shown.current) return showConsentAgain(texts.error.stale)
    if (decision === 'deny') return decisions.deny(request)
    const scopes = await decisions.scopes(request, signedIn)
    if (scopes.join(' ') !== shown.scopes.join(' ')) return showConsentAgain(texts.consent.changed)
    const ticked = tickedScopes(scopes, rest)
    if (!ticked) return showConsentAgain(texts.consent.none)
    return reply.redirect(await decisions.approve(request, signedIn, ticked), 303)
  }

  return async app => {
    allowPopups(app)
    app.setErrorHandler((error, _request, reply) => {
      if (!(error instanceof AuthorizationErrorResponse)) throw error
      return reply.redirect(errorLocation(config.issuer, error), 303)
    })

    app.get('/authorize', { schema, validatorCompiler: () => () => true }, async (request, reply) => {
      const query = queryOf(request)
      const showRequest = await requests.read(query)
      const { signedIn } = request
      if (signedIn && !requiresSignIn(showRequest, signedIn)) return showConsent(reply, showRequest, signedIn, query)
      if (showRequest.prompt.has('none'))
        throw new AuthorizationErrorResponse(showRequest, loginRequired('Nobody is signed in.'))
      return reply.redirect(signInPath(site, await storeRequest(showRequest, peerOf(request))), 303)
    })

    app.post(
      '/consent',
      { preHandler: app.csrfProtection, schema: { hide: true } as never, errorHandler: staleConsent },
      async (request, reply) => {
        if (!request.signedIn) throw signedOut()
        return decide(reply, (request.body ?? {}) as Params, request.signedIn)
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
    app.post('/authorize', { bodyLimit: LONGEST_QUERY, schema: { hide: true } as never }, async (request, reply) => {
      const posted = await requests.read(String(request.body ?? ''))
      return reply.redirect(await storeRequest(posted, peerOf(request)), 303)
    })
  }
}

/** What a URL holds everywhere. */
const LONGEST_QUERY = 8_000

/** Signing in since the request was stored fulfils its wish. */
function requiresSignIn({ prompt, stored }: AuthorizeRequest, { session }: SignedIn): boolean {
  if (!prompt.has('login') && !prompt.has('select_account')) return false
  return !stored || session.createdAt < stored.createdAt
}

export const queryOf = ({ url }: Pick<FastifyRequest, 'url'>) => url.slice(url.indexOf('?') + 1 || url.length)

const text = (description: string) => Type.Optional(Type.String({ description }))

/** For the document: the handler says in the protocol's words what is missing. */
const schema = {
  operationId: 'authorize',
  summary: 'Request authorization from a user',
  description:
    'The authorization endpoint of RFC 6749 §3.1: browsers are redirected here. POST works too. Errors go to the `redirect_uri` of the app, or are shown as a page when it is missing or invalid.',
  tags: ['OAuth'],
  querystring: Type.Object({
    client_id: Type.String(),
    response_type: text('`code`'),
    redirect_uri: text('Exactly as registered; the port of a loopback address is free'),
    scope: text('Space-delimited; left out: the defaults'),
    state: text('Returned with the response; with `redirect_uri` at most 2,500 characters, encoded as in a URL'),
    code_challenge: text('SHA-256 of the code verifier in base64url (RFC 7636)'),
    code_challenge_method: text('`S256`'),
    resource: text('The audience of a registered resource server (RFC 8707); may come more than once'),
    prompt: text('`none`, or of `login`, `consent` and `select_account`'),
    response_mode: text('`query`'),
    request_uri: text('A pushed request (RFC 9126), in place of all other parameters except `client_id`'),
  }),
  response: {
    200: {
      description: 'The consent page',
      content: { 'text/html': { schema: Type.String({ examples: ['<!doctype html>…'] }) } },
    },
    303: Type.Null({
      description: 'To the sign-in page, or to the app with `code`, `state` and `iss`, or with `error`',
    }),
    400: {
      description: 'A page that describes the error',
      content: { 'text/html': { schema: Type.String({ examples: ['<!doctype html>…'] }) } },
    },
    429: {
      description:
        'A page: too many requests wait for this user or from this address; `Retry-After` says when to try again',
      content: { 'text/html': { schema: Type.String({ examples: ['<!doctype html>…'] }) } },
    },
  },
}
