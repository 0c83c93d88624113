import type { FastifyPluginAsync } from 'fastify'
import { useProtocol } from './context.ts'
import { type TokenRoutesOptions, tokenEndpoint } from './token.ts'

export type OAuthRoutesOptions = TokenRoutesOptions

/** The protocol's routes, in the protocol's own context. */
export function oauthRoutes(options: OAuthRoutesOptions): FastifyPluginAsync {
  return async app => {
    await useProtocol(app)
    await app.register(tokenEndpoint(options))
  }
}
