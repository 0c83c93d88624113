import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { type Authenticate, kAuthenticate } from './checks.ts'
import { describeGuard } from './openapi.ts'
import { createRemote, type RemoteOptions } from './remote/remote.ts'
import type { Token } from './token.ts'

export { type Authenticate, checkAnyScope, checkScopes, type ScopeCheck } from './checks.ts'
export { invalidToken } from './errors.ts'
export { type ProtectedResourceOptions, protectedResource } from './metadata.ts'
export { BEARER, bearerScheme } from './openapi.ts'
export { createRemote, type Remote, type RemoteOptions } from './remote/remote.ts'
export { type Catalogue, type ScopeName, Token, type TokenInit } from './token.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The verified token, in a handler behind `checkScopes` or `checkAnyScope`; null before. */
    token: Token
  }
}

/** How a token's text becomes a token: as a server in this process does it (`postern.guard`), or far from the issuer. */
export type GuardOptions = { authenticate: Authenticate } | RemoteOptions

const plugin: FastifyPluginAsync<GuardOptions> = async (app, options) => {
  const authenticate = 'authenticate' in options ? options.authenticate : authenticateFarAway(app, options)
  Object.assign(app, { [kAuthenticate]: authenticate })
  if (!app.hasRequestDecorator('token')) app.decorateRequest('token', null as never)
  app.addHook('onRoute', describeGuard)
}

/** The issuer may be down when the application starts: it is asked for its keys at once, and nothing waits for them. */
function authenticateFarAway(app: FastifyInstance, options: RemoteOptions): Authenticate {
  const remote = createRemote(options)
  app.addHook('onClose', () => remote.close())
  remote.ready().catch(err => app.log.warn({ err }, 'the issuer of access tokens cannot be reached yet'))
  return remote.authenticate
}

/** Registers the guard: from then on `checkScopes` and `checkAnyScope` work on every route of this application. */
export const guard = fp(plugin, { name: 'postern-guard', fastify: '5.x' })
