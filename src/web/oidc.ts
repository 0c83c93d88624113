import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { setActor } from '../audit/actor.ts'
import { notFound, PosternError } from '../errors/errors.ts'
import type { Params } from '../grants/grant.ts'
import { peerOf } from '../http/forwarded.ts'
import { SignInRefused } from '../oidc/claims.ts'
import type { ProviderClient } from '../oidc/provider.ts'
import type { OidcServices } from '../oidc/services.ts'
import { SIGN_IN_SECONDS, type SignInState } from '../oidc/sign-in-state.ts'
import type { Sessions } from '../users/sessions.ts'
import type { Throttle } from '../users/throttle.ts'
import { translateMessage } from './messages.ts'
import { allowPopups } from './popup.ts'
import type { StartSession } from './session.ts'
import type { SignInForm } from './sign-in-form.ts'
import { localPath, type Site } from './site.ts'
import { texts } from './texts.ts'

export interface OidcRoutesOptions extends OidcServices {
  site: Site
  /** The public URL of the pages, without a slash at its end. */
  publicUrl: string
  sessions: Sessions
  throttle: Pick<Throttle, 'limitAnonymous'>
  startSession: StartSession
  signInForm: SignInForm
}

const hidden = { schema: { hide: true } as never }
/** Clocks of the provider and of this server may differ by so many seconds. */
const CLOCK_SKEW_SECONDS = 10

/** Signing in by an OpenID provider. */
export function oidcRoutes(options: OidcRoutesOptions): FastifyPluginAsync {
  const { providers, signInStates, resolvePerson, endByProvider, site, publicUrl } = options
  const cookieName = (key: string) => `${site.sessionCookie}-oidc-${key}`
  const redirectUri = (key: string) => `${publicUrl}/oidc/callback${key === '1' ? '' : `/${key}`}`

  const providerOf = (request: FastifyRequest): ProviderClient => {
    const { key = '1' } = request.params as { key?: string }
    const provider = providers.find(({ config }) => config.key === key)
    if (!provider) throw notFound('provider')
    return provider
  }

  async function begin(request: FastifyRequest, reply: FastifyReply, provider: ProviderClient, confirms?: string) {
    const { key } = provider.config
    const next = localPath((request.query as Params).next)
    const { state, cookie } = await signInStates.begin({ key, next, confirms })
    try {
      const url = await provider.authorizationUrl(redirectUri(key), state, confirms !== undefined)
      reply.setCookie(cookieName(key), cookie, { ...site.cookieOptions, maxAge: SIGN_IN_SECONDS })
      return reply.redirect(url, 303)
    } catch (error) {
      return refuse(options.signInForm, request, reply, provider, error, next)
    }
  }

  /** Finishes a sign-in: a new session, or for a user who is signed in the proof of who they are. */
  async function finish(request: FastifyRequest, reply: FastifyReply, provider: ProviderClient, state: SignInState) {
    const url = new URL(redirectUri(provider.config.key) + new URL(request.url, 'http://here').search)
    const person = await provider.redeem(url, state)
    const user = await resolvePerson(person, provider.config)
    setActor({ userId: user.id })
    if (state.confirms === undefined) {
      const { issuer } = provider.config
      const { session, authenticatedAt } = person
      const provedAt = authenticatedAt === undefined ? undefined : new Date(authenticatedAt * 1000)
      await options.startSession(request, reply, user, { provider: { issuer, session, provedAt } })
      return
    }
    const current = request.signedIn
    const isFresh = (person.authenticatedAt ?? 0) >= state.startedAt - CLOCK_SKEW_SECONDS
    if (current?.session.id !== state.confirms || current.user.id !== user.id || !isFresh) {
      throw new SignInRefused(texts.signIn.notConfirmed)
    }
    await options.sessions.confirm(current.session.id, { providerSession: person.session })
  }

  async function callback(request: FastifyRequest, reply: FastifyReply) {
    const provider = providerOf(request)
    const name = cookieName(provider.config.key)
    const state = await signInStates.read(request.cookies[name], provider.config.key)
    reply.clearCookie(name, site.cookieOptions)
    try {
      if (!state) throw new SignInRefused(texts.signIn.expired)
      // Anybody can make this server ask the provider.
      await options.throttle.limitAnonymous(peerOf(request))
      await finish(request, reply, provider, state)
    } catch (error) {
      return refuse(options.signInForm, request, reply, provider, error, state?.next)
    }
    return reply.redirect(state.next ?? `${site.base}/tokens`, 303)
  }

  return async app => {
    if (providers.length === 0) return
    allowPopups(app)
    app.get('/login/oidc/:key', hidden, (request, reply) => begin(request, reply, providerOf(request)))
    app.get('/confirm/oidc/:key', hidden, (request, reply) => {
      const session = request.signedIn?.session.id
      if (session === undefined) return reply.redirect(`${site.base}/login`, 303)
      return begin(request, reply, providerOf(request), session)
    })
    app.get('/oidc/callback', hidden, callback)
    app.get('/oidc/callback/:key', hidden, callback)
    await app.register(backchannelLogout(endByProvider))
  }
}

/** The provider ends sessions (OpenID Connect Back-Channel Logout 1.0). */
function backchannelLogout(endByProvider: OidcServices['endByProvider']): FastifyPluginAsync {
  return async app => {
    app.post('/oidc/backchannel-logout', hidden, async (request, reply) => {
      try {
        await endByProvider(((request.body ?? {}) as Params).logout_token ?? '')
        return await reply.send('')
      } catch (error) {
        if (!(error instanceof PosternError) || error.status >= 500) throw error
        // OpenID Connect Back-Channel Logout §2.8
        return reply.code(400).send({ error: 'invalid_request', error_description: error.message })
      }
    })
  }
}

/** Shows the sign-in page again, with the reason that the person can do something about. */
function refuse(
  signInForm: SignInForm,
  request: FastifyRequest,
  reply: FastifyReply,
  { config }: ProviderClient,
  error: unknown,
  next?: string,
) {
  const isRefusal = error instanceof SignInRefused
  if (!isRefusal && !(error instanceof PosternError)) throw error
  request.log.warn({ err: error.cause ?? error, provider: config.issuer }, 'a sign-in by a provider failed')
  const byProvider = texts.signIn.refused.replace('{provider}', () => config.label)
  // Only our own refusals, which have no cause, say something to people.
  const message = isRefusal && error.cause !== undefined ? byProvider : translateMessage(error.message)
  if (error instanceof PosternError) reply.headers(error.headers)
  return signInForm(reply, { next }, { status: isRefusal ? 403 : error.status, message })
}
