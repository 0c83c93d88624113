import type { FastifyPluginAsync } from 'fastify'
import type { House } from '../../house.ts'
import { forSignedIn } from '../signed-in.ts'
import type { Site } from '../site.ts'
import { manageAudit } from './audit.ts'
import { manageClients } from './clients.ts'
import { manageKeys } from './keys.ts'
import { overview } from './overview.ts'
import { manageTokens } from './tokens.ts'
import { manageUsers } from './users.ts'

/** Below /manage: what administrators see and do, by the same functions as the management API. */
export function manageRoutes(house: House, site: Site): FastifyPluginAsync {
  const options = { ...house, site }
  return async app => {
    forSignedIn(app, { site, role: 'admin' })
    await app.register(overview(options))
    await app.register(manageUsers(options))
    await app.register(manageClients(options))
    await app.register(manageTokens(options))
    await app.register(manageKeys(options))
    await app.register(manageAudit(options))
  }
}
