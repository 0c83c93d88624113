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

/** What a view is told besides what every view knows: the site, the texts, who is signed in. */
export type PageData = { title: string; section?: Section } & Readonly<Record<string, unknown>>

/** The part of the navigation that a page belongs to. */
export type Section = 'tokens' | 'apps' | 'account' | 'manage'

export interface PageOptions {
  status?: number
  /** Its forms lead on to an app, wherever that sends the browser next (docs/adr/0025-no-form-action-towards-apps.md). */
  redirects?: boolean
}

declare module 'fastify' {
  interface FastifyReply {
    /** Renders a page for people, for `return reply.page(…)`. */
    page(view: string, data: PageData, options?: PageOptions): Promise<string>
    /** Goes on to a page of ours, given below the site's base, for `return reply.goOn(…)`; it says what was done. */
    goOn(path: string, notice?: NoticeName, values?: Record<string, string>): FastifyReply
  }
}

export interface ContextOptions {
  site: Site
  sessions: Sessions
  config: Pick<Config, 'sessionLifetime'>
}

/**
 * The pages' own context: a session by cookie, forms that only this server can have made, errors as pages, nothing ever
 * stored, framed or fetched from elsewhere, nor compressed (docs/adr/0021).
 */
export async function usePageRendering(app: FastifyInstance, { site, sessions }: ContextOptions): Promise<void> {
  app.removeAllContentTypeParsers()
  await app.register(formbody, { parser: readForm })
  await useSessions(app, { site, csrfToken: ({ body }) => (body as Params | undefined)?._csrf })
  const { name, base } = site
  const assets = Object.fromEntries(Object.entries(ASSETS).map(([name, path]) => [name, base + path]))
  const shared = { site: { name, base }, texts, assets, say: phrase, when, inWords: formatRelative, isSoon }
  // Production: templates are read once.
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

/** Everything comes from this server; the stylesheet carries its few icons itself. */
const contentSecurityPolicy = (redirects = false) =>
  [
    "default-src 'none'",
    "style-src 'self'",
    "script-src 'self'",
    "img-src 'self' data:",
    // Chromium holds every redirect that follows a form to `form-action`, also those of the app.
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
