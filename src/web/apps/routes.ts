import type { FastifyPluginAsync } from 'fastify'
import type { House } from '../../house.ts'
import { forSignedIn } from '../signed-in.ts'
import type { Site } from '../site.ts'
import { letInApps } from './let-in.ts'
import { ownApps } from './own.ts'
import { ownAppSecrets } from './own-secrets.ts'

/** Below /apps: the apps that a person let in, and those that a person built. */
export function appsRoutes(house: House, site: Site): FastifyPluginAsync {
  const options = { ...house, site }
  return async app => {
    forSignedIn(app, { site })
    await app.register(letInApps(options))
    await app.register(ownApps(options), { prefix: '/own' })
    await app.register(ownAppSecrets(options), { prefix: '/own' })
  }
}
