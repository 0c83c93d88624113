import type { FastifyPluginAsync } from 'fastify'
import { type ConfirmOptions, createConfirm } from '../confirm.ts'
import { requireSignedIn } from '../signed-in.ts'
import { manageAudit } from './audit.ts'
import { manageClients } from './clients.ts'
import { manageKeys } from './keys.ts'
import { overview } from './overview.ts'
import { manageTokens } from './tokens.ts'
import { manageUsers } from './users.ts'

type OptionsOf<Plugin extends (options: never) => unknown> = Parameters<Plugin>[0]
export type ManageOptions = OptionsOf<typeof overview> &
  OptionsOf<typeof manageUsers> &
  OptionsOf<typeof manageClients> &
  OptionsOf<typeof manageTokens> &
  OptionsOf<typeof manageKeys> &
  OptionsOf<typeof manageAudit> &
  ConfirmOptions

/** Below /manage: the administration pages, by the same functions as the management API. */
export function manageRoutes(options: ManageOptions): FastifyPluginAsync {
  return async app => {
    requireSignedIn(app, { site: options.site, role: 'admin' })
    app.addHook('preHandler', createConfirm(options))
    await app.register(overview(options))
    await app.register(manageUsers(options))
    await app.register(manageClients(options))
    await app.register(manageTokens(options))
    await app.register(manageKeys(options))
    await app.register(manageAudit(options))
  }
}
