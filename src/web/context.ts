import formbody from '@fastify/formbody'
import view from '@fastify/view'
import { Eta } from 'eta'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Config } from '../config/config.ts'
import { PosternError } from '../errors/errors.ts'
import type { Params } from '../grants/grant.ts'
import { toPosternError, useErrorRenderer } from '../http/problems.ts'
import { readPageForm } from '../oauth/form.ts'
import { currentLanguage, LANGUAGE_NAMES, runInLanguage } from '../text/language.ts'
import type { Assets } from './assets.ts'
import { type FormError, summaryOf } from './form-error.ts'
import { languageOf } from './language.ts'
import { translateMessage } from './messages.ts'
import { type NoticeName, sendNotice, takeNotice } from './notice.ts'
import { formatNumber, plural } from './numbers.ts'
import { requireOwnPassword } from './own-password.ts'
import { phrase } from './phrase.ts'
import { describeScope } from './scope-description.ts'
import type { Section } from './section.ts'
import { requireFactor } from './security/require-factor.ts'
import { csrfBinding, type ReadSessionOptions, readSession, useSessions } from './session.ts'
import type { Site } from './site.ts'
import { isStaleForm, staleFormText, toResubmittedForm } from './stale-form.ts'
import { texts, textsIn } from './texts.ts'
import { formatDate, formatDay, formatExact, formatRelative, isSoon, when } from './times.ts'

/** Data of a view, in addition to the site, the texts and the signed-in user. */
export type PageData = { title: string; section?: Section; refusal?: FormError | undefined } & Readonly<
  Record<string, unknown>
>

/** What a page may use that others may not. */
interface PageSources {
  /** Its forms redirect to an app, which can redirect anywhere (docs/adr/0025-no-form-action-towards-apps.md). */
  redirects?: boolean
  /** Its script asks for the page again. */
  live?: boolean
}

export interface PageOptions extends PageSources {
  /** Default: that of the refusal, or 200. */
  status?: number
}

declare module 'fastify' {
  interface FastifyReply {
    /** Renders a page, for `return reply.page(…)`. */
    page(view: string, data: PageData, options?: PageOptions): Promise<string>
    /** Redirects to a path below the site's base, whose page shows the notice, for `return reply.redirectTo(…)`. */
    redirectTo(path: string, notice?: NoticeName, values?: Record<string, string>): FastifyReply
  }
}

export interface ContextOptions extends ReadSessionOptions {
  assets: Assets
  config: Pick<Config, 'mfa'>
  /** Signs in people who are signed in elsewhere. */
  signInElsewhere: (request: FastifyRequest, reply: FastifyReply) => Promise<void>
}

/**
 * Sets up the context of the pages: sessions by cookie, CSRF protection, errors as pages. Pages are not cached, framed or
 * compressed (docs/adr/0021), and load nothing from other origins.
 */
export async function usePageRendering(app: FastifyInstance, options: ContextOptions): Promise<void> {
  const { site, assets, config, signInElsewhere } = options
  app.removeAllContentTypeParsers()
  await app.register(formbody, { parser: readPageForm })
  await useSessions(app, { site, csrfToken: ({ body }) => (body as Params | undefined)?._csrf })
  const { name, base } = site
  const paths = Object.fromEntries(Object.entries(assets.paths).map(([name, path]) => [name, base + path]))
  const shared = {
    site: { name, base },
    assets: paths,
    logo: assets.logo,
    phrase,
    when,
    formatRelative,
    formatExact,
    formatDay,
    formatDate,
    isSoon,
    formatNumber,
    plural,
    describeScope,
  }
  // production: templates are read once.
  const engine = { eta: new Eta() }
  await app.register(view, { engine, root: `${import.meta.dirname}/views`, production: true, defaultContext: shared })

  app.decorateReply('page', pageOf(site))
  app.decorateReply('redirectTo', function (path, notice, values = {}) {
    if (notice) sendNotice(this, site, notice, values)
    return this.redirect(base + path, 303)
  })
  app.addHook('preValidation', request => readSession(request, options))
  app.addHook('preValidation', signInElsewhere)
  app.addHook('preValidation', (request, _reply, done) => runInLanguage(languageOf(request, site), done))
  app.addHook('preHandler', requireOwnPassword(site))
  app.addHook('preHandler', requireFactor(site, config))
  app.addHook('onSend', async (_request, reply) => {
    reply.headers({ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer', 'x-frame-options': 'DENY' })
    // Beside the origin, by which responses below /api differ.
    reply.header('vary', [reply.getHeader('vary') ?? [], 'accept-language, cookie'].flat().join(', '))
    if (!reply.hasHeader('content-security-policy')) reply.header('content-security-policy', contentSecurityPolicy())
  })
  useErrorRenderer(app, showError(site), toPageError)
}

function pageOf(site: Site): FastifyReply['page'] {
  return function (this: FastifyReply, name, { refusal, ...data }, { status, ...sources } = {}) {
    const csrf = this.generateCsrf({ userInfo: csrfBinding(this.request) })
    const noticeHtml = takeNotice(this.request, this, site)
    const language = currentLanguage()
    this.code(status ?? refusal?.status ?? 200).headers({
      ...refusal?.headers,
      'content-security-policy': contentSecurityPolicy(sources),
      'content-language': language,
    })
    const { method, url, signedIn } = this.request
    // A page that is the response to a form has no address to return to.
    const here = method === 'GET' ? site.absoluteUrl(url) : undefined
    const shared = { user: signedIn?.user, texts: textsIn(language), languages: LANGUAGE_NAMES, here, csrf, noticeHtml }
    const render = (more: object) => this.viewAsync(name, { ...shared, ...data, ...more })
    return refusal ? renderRefused(refusal, render) : render({ errors: {} })
  }
}

/** Shows the error of each field beside it, and above the form those of fields that the page does not have. */
async function renderRefused(refusal: FormError, render: (more: object) => Promise<string>): Promise<string> {
  const { errors = {} } = refusal
  const page = (isShown: (field: string) => boolean) => render({ errors, refusal: summaryOf(refusal, isShown) })
  const html = await page(() => true)
  const isShown = (field: string) => html.includes(`id="${field}-error"`)
  return Object.keys(errors).every(isShown) ? html : page(isShown)
}

/** Only this server is a source. The icons in the stylesheet are data URLs. */
const contentSecurityPolicy = ({ redirects = false, live = false }: PageSources = {}) =>
  [
    "default-src 'none'",
    "style-src 'self'",
    "script-src 'self'",
    "img-src 'self' data:",
    // Chromium also applies `form-action` to all redirects after a form, including those of the app.
    ...(redirects ? [] : ["form-action 'self'"]),
    ...(live ? ["connect-src 'self'"] : []),
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join('; ')

/** Also for errors before the hook that sets the language. */
const showError = (site: Site) => (reply: FastifyReply, error: PosternError) =>
  runInLanguage(languageOf(reply.request, site), () => errorPage(site, reply, error))

async function errorPage(site: Site, reply: FastifyReply, error: PosternError): Promise<string> {
  const { request } = reply
  const { status, code, message, headers } = error
  const title = texts.error.titles[code] ?? texts.error.title
  reply.headers(headers)
  const signIn = !request.signedIn && ['signed_out', 'not_found', 'stale_form'].includes(code)
  const again = code === 'stale_form' ? toResubmittedForm(request, site.absoluteUrl(request.url)) : undefined
  return reply.page(
    'error.eta',
    { title, detail: translateMessage(message), signIn, again, fieldNames: texts.fields },
    { status },
  )
}

function toPageError(error: FastifyError, request: FastifyRequest): PosternError {
  if (isStaleForm(error)) {
    return new PosternError({ status: 403, code: 'stale_form', detail: staleFormText(error), cause: error })
  }
  const known = toPosternError(error, request)
  if (known.status !== 422) return known
  return new PosternError({ status: 400, code: known.code, detail: known.message, cause: error })
}
