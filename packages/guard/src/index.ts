import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { createAuthenticator, type GuardOptions, type GuardState } from './authenticator.ts'
import { bearerText } from './bearer.ts'
import { type GuardRegistration, kGuard } from './guard-registration.ts'
import { describeGuard, requireKnownScopes } from './openapi.ts'
import { ownResourceOf } from './own-resource.ts'
import type { Token } from './token.ts'

export type { GuardOptions, GuardState } from './authenticator.ts'
export { checkAnyScope, checkScopes, requireToken, type ScopeCheck } from './checks.ts'
export type { ErrorCode } from './error-code.ts'
export { invalidToken } from './errors.ts'
export { protectedResource } from './metadata.ts'
export { BEARER, bearerScheme } from './openapi.ts'
export type { OwnResourceOptions } from './own-resource.ts'
export { PosternError } from './postern-error.ts'
export type { GuardHealth } from './remote/monitor.ts'
export { createRemote, type Remote, type RemoteOptions } from './remote/remote.ts'
export type { Authenticate } from './requirements.ts'
export type { ProtectedResourceOptions } from './resource.ts'
export { type Catalogue, type OnEnd, type ScopeName, Token, type TokenInit } from './token.ts'
export { tokenOf } from './token-of.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The state of this application's guard: `ready()` and `health()`. */
    posternGuard: GuardState
  }
  interface FastifyRequest {
    /** The verified token after `checkScopes`, `checkAnyScope` or `requireToken`, else null. `tokenOf` returns it typed. */
    token: Token | null
  }
}

const REGISTERED_TWICE =
  'A guard is already registered on this instance. For routes of another issuer or audience, register another guard in a plugin.'

const plugin: FastifyPluginAsync<GuardOptions> = async (app, options) => {
  // A child instance may register a guard of its own.
  if (Object.hasOwn(app, kGuard)) throw new TypeError(REGISTERED_TWICE)
  const { authenticate, ready, health, close } = createAuthenticator(options, {
    issuerUnavailable: err => app.log.warn({ err }, 'the issuer of access tokens cannot be reached yet'),
    issuerRefused: err => app.log.error({ err }, err.message),
  })
  app.addHook('onClose', close)
  app.decorate('posternGuard', { ready, health })
  const registration: GuardRegistration = {
    identify: request => authenticate(bearerText(request as never)),
    resource: ownResourceOf(options),
  }
  app.decorate(kGuard, registration)
  if (!app.hasRequestDecorator('token')) app.decorateRequest('token', null)
  if ('catalogue' in options && options.catalogue) app.addHook('onRoute', requireKnownScopes(options.catalogue))
  app.addHook('onRoute', describeGuard)
}

/**
 * The guard for Fastify. After its registration `checkScopes`, `checkAnyScope` and `requireToken` work on every route of the
 * application, the OpenAPI document names the required scopes, and `app.posternGuard` has the guard's state. It does not wait
 * for the issuer, which may be down at the start.
 *
 * Registration fails with a TypeError that names an option that is missing or empty, and for a second guard on one instance.
 * @example
 * await app.register(guard, { issuer: 'https://id.example.com', audience: 'https://orders.example.com' })
 * app.get('/orders', { preHandler: checkScopes('orders:read') }, async request => ({ of: tokenOf(request).userId }))
 */
export const guard = fp(plugin, { name: 'postern-guard', fastify: '5.x' })

export default guard
