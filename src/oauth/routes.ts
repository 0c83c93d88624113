import type { FastifyPluginAsync } from 'fastify'
import { useProtocolErrors } from './context.ts'
import { type DeviceRoutesOptions, deviceEndpoint } from './device.ts'
import { createIntrospect, type IntrospectOptions } from './introspect.ts'
import { type IntrospectRoutesOptions, introspectionEndpoint } from './introspect-routes.ts'
import { type ParRoutesOptions, parEndpoint } from './par.ts'
import { createRevoke, type RevokeOptions } from './revoke.ts'
import { revocationEndpoint } from './revoke-routes.ts'
import { type TokenRoutesOptions, tokenEndpoint } from './token.ts'

export type OAuthRoutesOptions = TokenRoutesOptions &
  DeviceRoutesOptions &
  IntrospectOptions &
  Omit<IntrospectRoutesOptions, 'introspect'> &
  ParRoutesOptions &
  RevokeOptions

/** The OAuth routes, with protocol errors and form bodies. */
export function oauthRoutes(options: OAuthRoutesOptions): FastifyPluginAsync {
  return async app => {
    await useProtocolErrors(app)
    await app.register(tokenEndpoint(options))
    await app.register(deviceEndpoint(options))
    await app.register(parEndpoint(options))
    await app.register(introspectionEndpoint({ ...options, introspect: createIntrospect(options) }))
    await app.register(revocationEndpoint({ ...options, revoke: createRevoke(options) }))
  }
}
