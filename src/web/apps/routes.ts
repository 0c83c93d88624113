import type { FastifyPluginAsync } from 'fastify'
import { type ConfirmOptions, createConfirm } from '../confirm.ts'
import { requireSignedIn } from '../signed-in.ts'
import { type AuthorizationPagesOptions, authorizationPages } from './authorizations.ts'
import { type OwnAppsOptions, ownApps } from './own.ts'
import { ownAppSecrets } from './own-secrets.ts'

export type AppsOptions = AuthorizationPagesOptions &
  OwnAppsOptions &
  Parameters<typeof ownAppSecrets>[0] &
  ConfirmOptions

/** Below /apps: the apps that a person let in, and those that a person built. */
export function appsRoutes(options: AppsOptions): FastifyPluginAsync {
  return async app => {
    requireSignedIn(app, options)
    await app.register(authorizationPages(options))
    await app.register(
      async own => {
        // Where answers go and what an app authenticates with.
        own.addHook('preHandler', createConfirm(options))
        await own.register(ownApps(options))
        await own.register(ownAppSecrets(options))
      },
      { prefix: '/own' },
    )
  }
}
