import type { FastifyPluginAsync } from 'fastify'
import { forSignedIn } from '../signed-in.ts'
import { type LetInOptions, letInApps } from './let-in.ts'
import { type OwnAppsOptions, ownApps } from './own.ts'
import { ownAppSecrets } from './own-secrets.ts'

export type AppsOptions = LetInOptions & OwnAppsOptions & Parameters<typeof ownAppSecrets>[0]

/** Below /apps: the apps that a person let in, and those that a person built. */
export function appsRoutes(options: AppsOptions): FastifyPluginAsync {
  return async app => {
    forSignedIn(app, options)
    await app.register(letInApps(options))
    await app.register(ownApps(options), { prefix: '/own' })
    await app.register(ownAppSecrets(options), { prefix: '/own' })
  }
}
