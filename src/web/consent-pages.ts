import type { FastifyReply, FastifyRequest } from 'fastify'
import { isAdminScope } from '../../packages/guard/src/scope-set.ts'
import type { Client } from '../clients/client.entity.ts'
import { badRequest } from '../errors/errors.ts'
import { consentRequired, loginRequired } from '../errors/protocol.ts'
import type { Params } from '../grants/grant.ts'
import { fingerprint } from '../grants/remembered.ts'
import { peerOf } from '../http/forwarded.ts'
import type { AuthorizationDecisions } from '../oauth/authorize-decision.ts'
import type { ConsentForms } from '../oauth/authorize-form.ts'
import type { AuthorizeRequest, AuthorizeRequests } from '../oauth/authorize-request.ts'
import { AuthorizationErrorResponse } from '../oauth/authorize-response.ts'
import { isFresh, type SignedIn } from '../users/sessions.ts'
import { ACCESS_FIELD, type AccessConfig, chosenAccess } from './access-duration.ts'
import { CONFIRM } from './confirm-routes.ts'
import { type ConsentView, checkedScopes, destination } from './consent.ts'
import { chosenScopes } from './scope-choice.ts'
import { type Site, signInPath } from './site.ts'
import { isStaleForm, staleFormText } from './stale-form.ts'
import type { StoreRequest } from './store-request.ts'
import { texts } from './texts.ts'

export interface ConsentPagesOptions {
  site: Site
  requests: AuthorizeRequests
  decisions: AuthorizationDecisions
  forms: ConsentForms
  consentView: ConsentView
  storeRequest: StoreRequest
  config: AccessConfig
}

/** What the user saw of a client that may change by itself at any time. */
const describedPrint = (client: Client) => (client.metadataUrl === null ? undefined : fingerprint(client))

/** The consent page: shows it, processes its form, and handles an outdated form. */
export function createConsentPages(options: ConsentPagesOptions) {
  const { site, requests, decisions, forms, consentView, storeRequest, config } = options

  /** Who may be away from the browser confirms who they are before an app gets administrative scopes. */
  async function confirmFirst(reply: FastifyReply, request: AuthorizeRequest, { user }: SignedIn) {
    if (request.prompt.has('none'))
      throw new AuthorizationErrorResponse(request, loginRequired('The user has to confirm who they are.'))
    const next = await storeRequest(request, { address: user.id, shared: false })
    return reply.redirect(`${site.base}${CONFIRM}?next=${encodeURIComponent(next)}`, 303)
  }

  async function show(
    reply: FastifyReply,
    request: AuthorizeRequest,
    signedIn: SignedIn,
    query: string,
    refusal?: { status: number; message: string },
  ) {
    const scopes = await decisions.scopes(request, signedIn)
    // Nobody is asked before access that was remembered is given again.
    if (!refusal && scopes.some(isAdminScope) && !isFresh(signedIn.session))
      return confirmFirst(reply, request, signedIn)
    // After an outdated form the user decides again, even if the app was authorized before.
    const location = refusal ? undefined : await decisions.approveFromConsent(request, signedIn, scopes)
    if (location) return reply.redirect(location, 303)
    if (request.prompt.has('none'))
      throw new AuthorizationErrorResponse(request, consentRequired('The user has to consent.'))
    const { client, redirectUri } = request
    const view = await consentView({ client, scopes, audience: request.audience, redirectUri }, signedIn.user)
    const form = await forms.seal({ query, scopes, client: describedPrint(client) }, signedIn)
    const other = signInPath(site, await storeRequest(request, { address: signedIn.user.id, shared: false }))
    const more = { form, other, destinationHtml: destination(redirectUri) }
    return reply.page('consent.eta', { ...view, ...more, refusal }, { redirects: true })
  }

  /** Handles a form from an earlier session: shows the consent page again, or a link to sign in. */
  async function stale(error: { code?: string }, request: FastifyRequest, reply: FastifyReply) {
    if (!isStaleForm(error)) throw error
    const query = await forms.queryOf(((request.body ?? {}) as Params).form)
    if (query === undefined) throw error
    const again = await requests.read(query)
    const refusal = { status: 403, message: staleFormText(error) }
    if (request.signedIn) return show(reply, again, request.signedIn, query, refusal)
    const signIn = signInPath(site, await storeRequest(again, peerOf(request)))
    return reply.page('error.eta', { title: texts.error.title, detail: refusal.message, signIn }, { status: 403 })
  }

  /** Processes the consent form. The sealed form contains the request that it belongs to. */
  async function decide(reply: FastifyReply, body: Params, signedIn: SignedIn) {
    const { _csrf, form, decision, [ACCESS_FIELD]: access, ...rest } = body
    if (Object.keys(rest).length > chosenScopes(rest).length)
      throw badRequest('The form contains fields that the page did not have.')
    if (decision !== 'approve' && decision !== 'deny') throw badRequest('decision must be approve or deny.')
    const shown = await forms.open(form, signedIn)
    const request = await requests.read(shown.query)
    const showConsentAgain = (message: string) => show(reply, request, signedIn, shown.query, { status: 400, message })
    if (!shown.current) return showConsentAgain(texts.error.stale)
    if (decision === 'deny') return decisions.deny(request)
    const scopes = await decisions.scopes(request, signedIn)
    if (scopes.join(' ') !== shown.scopes.join(' ')) return showConsentAgain(texts.consent.changed)
    if (describedPrint(request.client) !== shown.client) return showConsentAgain(texts.consent.clientChanged)
    const checked = checkedScopes(scopes, rest)
    if (!checked) return showConsentAgain(texts.consent.none)
    const accessSeconds = chosenAccess(request.client, access, config)
    return reply.redirect(await decisions.approve(request, signedIn, { scopes: checked, accessSeconds }), 303)
  }

  return { show, stale, decide }
}
