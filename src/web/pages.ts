import type { FastifyPluginAsync } from 'fastify'
import type { Config } from '../config/config.ts'
import { createDecisions, type DecisionsOptions } from '../oauth/authorize-decision.ts'
import { createConsentForms } from '../oauth/authorize-form.ts'
import type { AuthorizeRequests } from '../oauth/authorize-request.ts'
import { type AccountRoomOptions, accountRoom } from './account.ts'
import { type AppsOptions, appsRoutes } from './apps/routes.ts'
import { assetRoutes } from './assets.ts'
import { authorizeRoutes } from './authorize.ts'
import { type ConsentViewOptions, createConsentView } from './consent.ts'
import { usePages } from './context.ts'
import { type DeviceRoutesOptions, deviceRoutes } from './device.ts'
import { createKeepRequest, type KeepRequestOptions } from './keep-request.ts'
import { createLeadOf } from './lead.ts'
import { type ManageOptions, manageRoutes } from './manage/routes.ts'
import { type NewPasswordOptions, newPassword } from './new-password.ts'
import { type BeginSessionOptions, createBeginSession } from './session.ts'
import { type SignInOptions, signInRoutes } from './sign-in.ts'
import { createSite } from './site.ts'
import { type TokenRoomOptions, tokenRoom } from './tokens/routes.ts'
import { unknownPages } from './unknown.ts'

type Made = 'site' | 'begin' | 'consentView' | 'leadOf'

export type PagesOptions = DecisionsOptions &
  Omit<
    AccountRoomOptions &
      AppsOptions &
      BeginSessionOptions &
      ConsentViewOptions &
      DeviceRoutesOptions &
      KeepRequestOptions &
      ManageOptions &
      NewPasswordOptions &
      SignInOptions &
      TokenRoomOptions,
    Made
  > & { config: Readonly<Config>; authorizeRequests: AuthorizeRequests }

/** Everything that people see, in the pages' own context. */
export function pages(options: PagesOptions): FastifyPluginAsync {
  const { config, authorizeRequests: requests } = options
  const decisions = createDecisions(options)
  const forms = createConsentForms(config.appKey)

  return async app => {
    const site = createSite(config, app.prefix)
    const consentView = createConsentView({ ...options, site })
    await app.register(assetRoutes)
    await app.register(async pages => {
      await usePages(pages, { ...options, site })
      const begin = createBeginSession({ ...options, site })
      await pages.register(signInRoutes({ ...options, site, begin, leadOf: createLeadOf(requests, site) }))
      const keepRequest = createKeepRequest({ ...options, site })
      const authorize = { site, requests, decisions, forms, consentView, keepRequest, config }
      await pages.register(authorizeRoutes(authorize), { prefix: '/oauth' })
      await pages.register(deviceRoutes({ ...options, site, consentView }))
      await pages.register(appsRoutes({ ...options, site }), { prefix: '/apps' })
      await pages.register(manageRoutes({ ...options, site }), { prefix: '/manage' })
      pages.get('/', { schema: { hide: true } as never }, (_request, reply) => reply.redirect(`${site.base}/tokens`))
      await pages.register(tokenRoom({ ...options, site }))
      await pages.register(newPassword({ ...options, site, begin }))
      await pages.register(accountRoom({ ...options, site, begin }))
      await pages.register(unknownPages)
    })
  }
}
