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
    /** How the guard of this application is with its issuer. */
    posternGuard: GuardState
  }
  interface FastifyRequest {
    /** The verified token, in a handler behind `checkScopes`, `checkAnyScope` or `requireToken`; null before. */
    token: Token
  }
}

const plugin: FastifyPluginAsync<GuardOptions> = async (app, options) => {
  const { authenticate, ready, health, close } = createAuthenticator(options, {
    issuerUnavailable: err => app.log.warn({ err }, 'the issuer of access tokens cannot be reached yet'),
    issuerRefused: err => app.log.error({ err }, err.message),
  })
  // Applications within others may have guards of their own.
  if (!Object.hasOwn(app, 'posternGuard')) app.decorate('posternGuard', { ready, health })
  app.addHook('onClose', close)
  const identify: IdentifyRequest = request => authenticate(bearerText(request as never))
  Object.assign(app, { [kIdentify]: identify })
  if (!app.hasRequestDecorator('token')) app.decorateRequest('token', null as never)
  if ('catalogue' in options && options.catalogue) app.addHook('onRoute', requireKnownScopes(options.catalogue))
  app.addHook('onRoute', describeGuard)
}

/** Registers the guard: from then on `checkScopes`, `checkAnyScope` and `requireToken` work on every route of this application. */
export const guard = fp(plugin, { name: 'postern-guard', fastify: '5.x' })
