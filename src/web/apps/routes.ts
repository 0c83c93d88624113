import type { FastifyPluginAsync } from 'fastify'
import { type ConfirmOptions, createConfirm } from '../confirm.ts'
import { requireSignedIn } from '../signed-in.ts'
import { type AppPages, appSecrets } from './app-secrets.ts'
import { type AuthorizationPagesOptions, authorizationPages } from './authorizations.ts'
import { type OwnAppsOptions, ownApps } from './own.ts'
import { ownApp } from './own-app.ts'
import { revokeOwnApp } from './own-revoke.ts'

export type AppsOptions = AuthorizationPagesOptions & OwnAppsOptions & ConfirmOptions

/** Below /apps: authorized apps and the user's own apps. */
export function appsRoutes(options: AppsOptions): FastifyPluginAsync {
  const { site, clients } = options
  const frame = { section: 'apps' as const }
  const pages: AppPages = { site, clients, path: '/apps/own', frame, find: request => ownApp(clients, request) }
  return async app => {
    requireSignedIn(app, options)
    await app.register(authorizationPages(options))
    await app.register(
      async own => {
        // Redirect URIs and secrets are sensitive.
        own.addHook('preHandler', createConfirm(options))
        await own.register(ownApps({ ...options, pages }))
        await own.register(appSecrets(pages))
        await own.register(revokeOwnApp(options))
      },
      { prefix: '/own' },
    )
  }
}
