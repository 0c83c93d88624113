import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { createAuthenticator, type GuardOptions, type GuardState } from './authenticator.ts'
import { bearerText } from './bearer.ts'
import { type IdentifyRequest, kIdentify } from './checks.ts'
import { describeGuard, requireKnownScopes } from './openapi.ts'
import type { Token } from './token.ts'

export type { GuardOptions, GuardState } from './authenticator.ts'
export { checkAnyScope, checkScopes, requireToken, type ScopeCheck } from './checks.ts'
export { invalidToken } from './errors.ts'
export { protectedResource } from './metadata.ts'
export { BEARER, bearerScheme } from './openapi.ts'
export type { GuardHealth } from './remote/monitor.ts'
export { createRemote, type Remote, type RemoteOptions } from './remote/remote.ts'
export type { Authenticate } from './requirements.ts'
export type { ProtectedResourceOptions } from './resource.ts'
export { type Catalogue, type OnEnd, type ScopeName, Token, type TokenInit } from './token.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The state of this application's guard: `ready()` and `health()`. */
    posternGuard: GuardState
  }
  interface FastifyRequest {
    /** The verified token, in a handler after `checkScopes`, `checkAnyScope` or `requireToken`; null before. */
    token: Token
  }
}

const plugin: FastifyPluginAsync<GuardOptions> = async (app, options) => {
  const { authenticate, ready, health, close } = createAuthenticator(options, {
    issuerUnavailable: err => app.log.warn({ err }, 'the issuer of access tokens cannot be reached yet'),
    issuerRefused: err => app.log.error({ err }, err.message),
  })
  // A child instance may register a guard of its own.
  if (!Object.hasOwn(app, 'posternGuard')) app.decorate('posternGuard', { ready, health })
  app.addHook('onClose', close)
  const identify: IdentifyRequest = request => authenticate(bearerText(request as never))
  Object.assign(app, { [kIdentify]: identify })
  if (!app.hasRequestDecorator('token')) app.decorateRequest('token', null as never)
  if ('catalogue' in options && options.catalogue) app.addHook('onRoute', requireKnownScopes(options.catalogue))
  app.addHook('onRoute', describeGuard)
}

/**
 * The guard for Fastify. After its registration `checkScopes`, `checkAnyScope` and `requireToken` work on every route of the
 * application, the OpenAPI document names the required scopes, and `app.posternGuard` has the guard's state. It does not wait
 * for the issuer, which may be down at the start.
 *
 * Registration fails with a TypeError that names an option that is missing or empty.
 * @example
 * await app.register(guard, { issuer: 'https://id.example.com', audience: 'https://orders.example.com' })
 * app.get('/orders', { preHandler: checkScopes('orders:read') }, async ({ token }) => ({ of: token.userId }))
 */
export const guard = fp(plugin, { name: 'postern-guard', fastify: '5.x' })
