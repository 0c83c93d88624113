import type { FastifyPluginCallback } from 'fastify'
import fp from 'fastify-plugin'
import { type Authenticate, kAuthenticate } from './checks.ts'
import { describeGuard } from './openapi.ts'
import type { Token } from './token.ts'

export { type Authenticate, checkAnyScope, checkScopes, type ScopeCheck } from './checks.ts'
export { invalidToken } from './errors.ts'
export { BEARER, bearerScheme } from './openapi.ts'
export { type Catalogue, type ScopeName, Token, type TokenInit } from './token.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The verified token, in a handler behind `checkScopes` or `checkAnyScope`; null before. */
    token: Token
  }
}

export interface GuardOptions {
  /** How a token's text becomes a token: `postern.authenticate` of a server in this process. */
  authenticate: Authenticate
}

const plugin: FastifyPluginCallback<GuardOptions> = (app, { authenticate }, done) => {
  Object.assign(app, { [kAuthenticate]: authenticate })
  if (!app.hasRequestDecorator('token')) app.decorateRequest('token', null as never)
  app.addHook('onRoute', describeGuard)
  done()
}

/** Registers the guard: from then on `checkScopes` and `checkAnyScope` work on every route of this application. */
export const guard = fp(plugin, { name: 'postern-guard', fastify: '5.x' })
