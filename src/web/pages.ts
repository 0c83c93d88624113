import type { FastifyPluginAsync } from 'fastify'
import type { House } from '../house.ts'
import { createDecisions } from '../oauth/authorize-decision.ts'
import { createConsentForms } from '../oauth/authorize-form.ts'
import { accountRoom } from './account.ts'
import { appsRoutes } from './apps/routes.ts'
import { assetRoutes } from './assets.ts'
import { authorizeRoutes } from './authorize.ts'
import { createConsentView } from './consent.ts'
import { usePages } from './context.ts'
import { deviceRoutes } from './device.ts'
import { createKeepRequest } from './keep-request.ts'
import { createLeadOf } from './lead.ts'
import { manageRoutes } from './manage/routes.ts'
import { createBeginSession } from './session.ts'
import { signInRoutes } from './sign-in.ts'
import { createSite } from './site.ts'
import { tokenRoom } from './tokens/routes.ts'
import { unknownPages } from './unknown.ts'

/** Everything that people see, in the pages' own context. */
export function pages(house: House): FastifyPluginAsync {
  const { config, authorizeRequests: requests } = house
  const decisions = createDecisions(house)
  const forms = createConsentForms(config.appKey)

  return async app => {
    const site = createSite(config, app.prefix)
    const consentView = createConsentView({ ...house, site })
    await app.register(assetRoutes)
    await app.register(async pages => {
      await usePages(pages, { ...house, site })
      const begin = createBeginSession({ ...house, site })
      await pages.register(signInRoutes({ ...house, site, begin, leadOf: createLeadOf(requests, site) }))
      const keepRequest = createKeepRequest({ ...house, site })
      const options = { site, requests, decisions, forms, consentView, keepRequest, config }
      await pages.register(authorizeRoutes(options), { prefix: '/oauth' })
      await pages.register(deviceRoutes({ ...house, site, consentView }))
      await pages.register(appsRoutes(house, site), { prefix: '/apps' })
      await pages.register(manageRoutes(house, site), { prefix: '/manage' })
      pages.get('/', { schema: { hide: true } as never }, (_request, reply) => reply.redirect(`${site.base}/tokens`))
      await pages.register(tokenRoom({ ...house, site }))
      await pages.register(accountRoom({ ...house, site, begin }))
      await pages.register(unknownPages)
    })
  }
}
