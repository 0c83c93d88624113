import formbody from '@fastify/formbody'
import view from '@fastify/view'
import { Eta } from 'eta'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Config } from '../config/config.ts'
import { PosternError } from '../errors/errors.ts'
import type { Params } from '../grants/grant.ts'
import { toPosternError, useErrorRenderer } from '../http/problems.ts'
import { readForm } from '../oauth/form.ts'
import type { Sessions } from '../users/sessions.ts'
import { ASSETS } from './assets.ts'
import { type NoticeName, sendNotice, takeNotice } from './notice.ts'
import { ownPasswordFirst } from './own-password.ts'
import { phrase } from './phrase.ts'
import { csrfBinding, readSession, useSessions } from './session.ts'
import type { Site } from './site.ts'
import { isStaleForm, staleFormText, toResubmittedForm } from './stale-form.ts'
import { texts } from './texts.ts'
import { formatRelative, isSoon, when } from './times.ts'

/** Data of a view, in addition to the site, the texts and the signed-in user. */
export type PageData = { title: string; section?: Section } & Readonly<Record<string, unknown>>

/** The part of the navigation that a page belongs to. */
export type Section = 'tokens' | 'apps' | 'account' | 'manage'

export interface PageOptions {
  status?: number
  /** Its forms redirect to an app, which can redirect anywhere (docs/adr/0025-no-form-action-towards-apps.md). */
  redirects?: boolean
}

declare module 'fastify' {
  interface FastifyReply {
    /** Renders a page, for `return reply.page(…)`. */
    page(view: string, data: PageData, options?: PageOptions): Promise<string>
    /** Redirects to a path below the site's base, whose page shows the notice, for `return reply.goOn(…)`. */
    goOn(path: string, notice?: NoticeName, values?: Record<string, string>): FastifyReply
  }
}

export interface ContextOptions {
  site: Site
  sessions: Sessions
  config: Pick<Config, 'sessionLifetime'>
}

/**
 * Sets up the context of the pages: sessions by cookie, CSRF protection, errors as pages. Pages are not cached, framed or
 * compressed (docs/adr/0021), and load nothing from other origins.
 */
export async function usePageRendering(app: FastifyInstance, { site, sessions }: ContextOptions): Promise<void> {
  app.removeAllContentTypeParsers()
  await app.register(formbody, { parser: readForm })
  await useSessions(app, { site, csrfToken: ({ body }) => (body as Params | undefined)?._csrf })
  const { name, base } = site
  const assets = Object.fromEntries(Object.entries(ASSETS).map(([name, path]) => [name, base + path]))
  const shared = { site: { name, base }, texts, assets, say: phrase, when, inWords: formatRelative, isSoon }
  // production: templates are read once.
  const engine = { eta: new Eta() }
  await app.register(view, { engine, root: `${import.meta.dirname}/views`, production: true, defaultContext: shared })

  app.decorateReply('page', pageOf(site))
  app.decorateReply('goOn', function (path, notice, values = {}) {
    if (notice) sendNotice(this, site, notice, values)
    return this.redirect(base + path, 303)
  })
  app.addHook('preValidation', request => readSession(request, site, sessions))
  app.addHook('preHandler', ownPasswordFirst(site))
  app.addHook('onSend', async (_request, reply) => {
    reply.headers({ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer', 'x-frame-options': 'DENY' })
    if (!reply.hasHeader('content-security-policy')) reply.header('content-security-policy', contentSecurityPolicy())
  })
  useErrorRenderer(app, showError(site), toPageError)
}

function pageOf(site: Site): FastifyReply['page'] {
  return function (this: FastifyReply, name, data, { status = 200, redirects = false } = {}) {
    const csrf = this.generateCsrf({ userInfo: csrfBinding(this.request) })
    const noticeHtml = takeNotice(this.request, this, site)
    this.code(status).header('content-security-policy', contentSecurityPolicy(redirects))
    return this.viewAsync(name, { user: this.request.signedIn?.user, csrf, noticeHtml, ...data })
  }
}

/** Only this server is a source. The icons in the stylesheet are data URLs. */
const contentSecurityPolicy = (redirects = false) =>
  [
    "default-src 'none'",
    "style-src 'self'",
    "script-src 'self'",
    "img-src 'self' data:",
    // Chromium also applies `form-action` to all redirects after a form, including those of the app.
    ...(redirects ? [] : ["form-action 'self'"]),
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join('; ')

const showError = (site: Site) => async (reply: FastifyReply, error: PosternError) => {
  const { request } = reply
  const { status, code, message, headers } = error
  const title = texts.error.titles[code] ?? texts.error.title
  reply.headers(headers)
  const signIn = !request.signedIn && ['signed_out', 'not_found', 'stale_form'].includes(code)
  const again = code === 'stale_form' ? toResubmittedForm(request, site.absoluteUrl(request.url)) : undefined
  return reply.page('error.eta', { title, detail: message, signIn, again, fieldNames: texts.fields }, { status })
}

function toPageError(error: FastifyError, request: FastifyRequest): PosternError {
  if (isStaleForm(error)) {
    return new PosternError({ status: 403, code: 'stale_form', detail: staleFormText(error), cause: error })
  }
  const known = toPosternError(error, request)
  if (known.status !== 422) return known
  return new PosternError({ status: 400, code: known.code, detail: known.message, cause: error })
}
