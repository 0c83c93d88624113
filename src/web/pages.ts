import type { FastifyPluginAsync } from 'fastify'
import type { Config } from '../config/config.ts'
import { createAuthorizationDecisions, type DecisionsOptions } from '../oauth/authorize-decision.ts'
import { createConsentForms } from '../oauth/authorize-form.ts'
import type { AuthorizeRequests } from '../oauth/authorize-request.ts'
import type { KeyRing } from '../security/key-ring.ts'
import { type AccountPagesOptions, accountPages } from './account.ts'
import { createApplicationSession } from './application-session.ts'
import { type AppsOptions, appsRoutes } from './apps/routes.ts'
import { assetRoutes, createAssets } from './assets.ts'
import { authorizeRoutes } from './authorize.ts'
import { type ClientLogosOptions, clientLogos } from './client-logos.ts'
import { type ConfirmRoutesOptions, confirmRoutes } from './confirm-routes.ts'
import { type ConsentViewOptions, createConsentView } from './consent.ts'
import { usePageRendering } from './context.ts'
import { componentsPage } from './dev/components.ts'
import { type DeviceRoutesOptions, deviceRoutes } from './device.ts'
import { type LanguageOptions, languageRoutes } from './language.ts'
import { type LinkPagesOptions, linkPages } from './link-pages.ts'
import { type ManageOptions, manageRoutes } from './manage/routes.ts'
import { type NewPasswordOptions, newPassword } from './new-password.ts'
import { notFoundPages } from './not-found.ts'
import { type OidcRoutesOptions, oidcRoutes } from './oidc.ts'
import { type OperationPagesOptions, operationPages } from './operations.ts'
import { createSecondStep, type SecondStepOptions } from './second-step.ts'
import { type SecurityPagesOptions, securityPages } from './security/routes.ts'
import { createStartSession, type ReadSessionOptions, type StartSessionOptions } from './session.ts'
import { type SignInOptions, signInRoutes } from './sign-in.ts'
import { createSignInContextOf } from './sign-in-context.ts'
import { createSignInForm } from './sign-in-form.ts'
import { type SignInPasskeyOptions, signInPasskeyRoutes } from './sign-in-passkey.ts'
import { signOutRoutes } from './sign-out.ts'
import { createSite, isDevelopment } from './site.ts'
import { createStoreRequest, type StoreRequestOptions } from './store-request.ts'
import { type TokenPagesOptions, tokenPages } from './tokens/routes.ts'

type CreatedHere = 'site' | 'startSession' | 'consentView' | 'signInForm' | 'publicUrl' | 'beginSecondStep'

export type PagesOptions = DecisionsOptions &
  Omit<
    AccountPagesOptions &
      AppsOptions &
      ClientLogosOptions &
      StartSessionOptions &
      ConfirmRoutesOptions &
      ConsentViewOptions &
      DeviceRoutesOptions &
      StoreRequestOptions &
      ManageOptions &
      LanguageOptions &
      LinkPagesOptions &
      NewPasswordOptions &
      OidcRoutesOptions &
      OperationPagesOptions &
      SecurityPagesOptions &
      SignInOptions &
      SignInPasskeyOptions &
      SecondStepOptions &
      TokenPagesOptions,
    CreatedHere
  > &
  Omit<ReadSessionOptions, 'site'> & {
    config: Readonly<Config>
    keyRing: KeyRing
    authorizeRequests: AuthorizeRequests
  }

/** All pages, in a context of their own. */
export function pages(options: PagesOptions): FastifyPluginAsync {
  const { config, authorizeRequests: requests } = options
  const decisions = createAuthorizationDecisions(options)
  const forms = createConsentForms(options.keyRing)

  return async app => {
    const site = createSite(options, app.prefix)
    const consentView = createConsentView({ ...options, site })
    const assets = createAssets(config)
    await app.register(assetRoutes(assets))
    await app.register(clientLogos(options))
    await app.register(async pages => {
      const startSession = createStartSession({ ...options, site })
      const atApplication = createApplicationSession({ ...options, site, startSession })
      await usePageRendering(pages, { ...options, site, assets, signInElsewhere: atApplication.signIn })
      await pages.register(atApplication.routes)
      const signInForm = createSignInForm({ ...options, site, signInContextOf: createSignInContextOf(requests, site) })
      const secondStep = createSecondStep({ ...options, site, startSession })
      const signIn = { ...options, site, startSession, signInForm, beginSecondStep: secondStep.begin }
      await pages.register(signInRoutes(signIn))
      await pages.register(signInPasskeyRoutes(signIn))
      await pages.register(secondStep.routes)
      const publicUrl = new URL(config.issuer).origin + site.base
      await pages.register(oidcRoutes({ ...options, site, publicUrl, startSession, signInForm }))
      await pages.register(confirmRoutes({ ...options, site }))
      await pages.register(signOutRoutes({ ...options, site }))
      await pages.register(languageRoutes({ ...options, site }))
      const storeRequest = createStoreRequest({ ...options, site })
      const authorize = { ...options, site, requests, decisions, forms, consentView, storeRequest }
      await pages.register(authorizeRoutes(authorize), { prefix: '/oauth' })
      await pages.register(deviceRoutes({ ...options, site, consentView }))
      await pages.register(appsRoutes({ ...options, site }), { prefix: '/apps' })
      await pages.register(manageRoutes({ ...options, site }), { prefix: '/manage' })
      pages.get('/', { schema: { hide: true } as never }, (_request, reply) => reply.redirect(`${site.base}/tokens`))
      await pages.register(tokenPages({ ...options, site }))
      await pages.register(newPassword({ ...options, site, startSession }))
      await pages.register(linkPages({ ...options, site }))
      await pages.register(operationPages({ ...options, site }))
      await pages.register(securityPages({ ...options, site }))
      await pages.register(accountPages({ ...options, site, startSession }))
      if (isDevelopment(config)) await pages.register(componentsPage)
      await pages.register(notFoundPages)
    })
  }
}
