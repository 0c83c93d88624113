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

/** Below /apps: authorized apps and the user's own apps. */
export function appsRoutes(options: AppsOptions): FastifyPluginAsync {
  return async app => {
    requireSignedIn(app, options)
    await app.register(authorizationPages(options))
    await app.register(
      async own => {
        // Redirect URIs and secrets are sensitive.
        own.addHook('preHandler', createConfirm(options))
        await own.register(ownApps(options))
        await own.register(ownAppSecrets(options))
      },
      { prefix: '/own' },
    )
  }
}
