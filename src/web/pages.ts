import type { FastifyPluginAsync } from 'fastify'
import type { Config } from '../config/config.ts'
import { createAuthorizationDecisions, type DecisionsOptions } from '../oauth/authorize-decision.ts'
import { createConsentForms } from '../oauth/authorize-form.ts'
import type { AuthorizeRequests } from '../oauth/authorize-request.ts'
import { type AccountPagesOptions, accountPages } from './account.ts'
import { type AppsOptions, appsRoutes } from './apps/routes.ts'
import { assetRoutes } from './assets.ts'
import { authorizeRoutes } from './authorize.ts'
import { type ConsentViewOptions, createConsentView } from './consent.ts'
import { usePageRendering } from './context.ts'
import { type DeviceRoutesOptions, deviceRoutes } from './device.ts'
import { type ManageOptions, manageRoutes } from './manage/routes.ts'
import { type NewPasswordOptions, newPassword } from './new-password.ts'
import { notFoundPages } from './not-found.ts'
import { createStartSession, type StartSessionOptions } from './session.ts'
import { type SignInOptions, signInRoutes } from './sign-in.ts'
import { createSignInContextOf } from './sign-in-context.ts'
import { createSite } from './site.ts'
import { createStoreRequest, type StoreRequestOptions } from './store-request.ts'
import { type TokenPagesOptions, tokenPages } from './tokens/routes.ts'

type CreatedHere = 'site' | 'startSession' | 'consentView' | 'signInContextOf'

export type PagesOptions = DecisionsOptions &
  Omit<
    AccountPagesOptions &
      AppsOptions &
      StartSessionOptions &
      ConsentViewOptions &
      DeviceRoutesOptions &
      StoreRequestOptions &
      ManageOptions &
      NewPasswordOptions &
      SignInOptions &
      TokenPagesOptions,
    CreatedHere
  > & { config: Readonly<Config>; authorizeRequests: AuthorizeRequests }

/** All pages, in a context of their own. */
export function pages(options: PagesOptions): FastifyPluginAsync {
  const { config, authorizeRequests: requests } = options
  const decisions = createAuthorizationDecisions(options)
  const forms = createConsentForms(config.appKey)

  return async app => {
    const site = createSite(config, app.prefix)
    const consentView = createConsentView({ ...options, site })
    await app.register(assetRoutes)
    await app.register(async pages => {
      await usePageRendering(pages, { ...options, site })
      const startSession = createStartSession({ ...options, site })
      await pages.register(
        signInRoutes({ ...options, site, startSession, signInContextOf: createSignInContextOf(requests, site) }),
      )
      const storeRequest = createStoreRequest({ ...options, site })
      const authorize = { site, requests, decisions, forms, consentView, storeRequest, config }
      await pages.register(authorizeRoutes(authorize), { prefix: '/oauth' })
      await pages.register(deviceRoutes({ ...options, site, consentView }))
      await pages.register(appsRoutes({ ...options, site }), { prefix: '/apps' })
      await pages.register(manageRoutes({ ...options, site }), { prefix: '/manage' })
      pages.get('/', { schema: { hide: true } as never }, (_request, reply) => reply.redirect(`${site.base}/tokens`))
      await pages.register(tokenPages({ ...options, site }))
      await pages.register(newPassword({ ...options, site, startSession }))
      await pages.register(accountPages({ ...options, site, startSession }))
      await pages.register(notFoundPages)
    })
  }
}
