import type { FastifyPluginAsync } from 'fastify'
import type { House } from '../house.ts'
import { createDecisions } from '../oauth/authorize-decision.ts'
import { createConsentForms } from '../oauth/authorize-form.ts'
import { authorizeRoutes } from './authorize.ts'
import { createConsentView } from './consent.ts'
import { usePages } from './context.ts'
import { deviceRoutes } from './device.ts'
import { createLeadOf } from './lead.ts'
import { signInRoutes } from './sign-in.ts'
import { createSite } from './site.ts'
import { styleRoute } from './style.ts'

/** Everything that people see, in the pages' own context. */
export function pages(house: House): FastifyPluginAsync {
  const { config, authorizeRequests: requests } = house
  const decisions = createDecisions(house)
  const forms = createConsentForms(config.appKey)

  return async app => {
    const site = createSite(config, app.prefix)
    const consentView = createConsentView({ ...house, site })
    await app.register(styleRoute)
    await app.register(async pages => {
      await usePages(pages, { ...house, site })
      await pages.register(signInRoutes({ ...house, site, leadOf: createLeadOf(requests, site) }))
      const options = { site, requests, decisions, forms, consentView, config }
      await pages.register(authorizeRoutes(options), { prefix: '/oauth' })
      await pages.register(deviceRoutes({ ...house, site, consentView }))
    })
  }
}
