import cookie from '@fastify/cookie'
import csrf from '@fastify/csrf-protection'
import formbody from '@fastify/formbody'
import view from '@fastify/view'
import { Eta } from 'eta'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { nowActing } from '../audit/actor.ts'
import type { Config } from '../config.ts'
import { PosternError } from '../errors.ts'
import { inOurWords } from '../http/problems.ts'
import { readForm } from '../oauth/form.ts'
import type { Sessions, SignedIn } from '../users/sessions.ts'
import { phrase } from './phrase.ts'
import type { Site } from './site.ts'
import { STYLE_PATH } from './style.ts'
import { texts } from './texts.ts'

/** What a view is told besides what every view knows: the site, the texts, who is signed in. */
export type PageData = { title: string } & Readonly<Record<string, unknown>>

export interface PageOptions {
  status?: number
  /** Where its forms may lead besides this server: sources of the policy's `form-action`. */
  leadsTo?: readonly string[]
}

declare module 'fastify' {
  interface FastifyRequest {
    /** On the pages: who is signed in. */
    signedIn: SignedIn | undefined
  }
  interface FastifyReply {
    /** Renders a page for people, for `return reply.page(…)`. */
    page(view: string, data: PageData, options?: PageOptions): Promise<string>
  }
}

export interface ContextOptions {
  site: Site
  sessions: Sessions
  config: Pick<Config, 'sessionLifetime'>
}

/**
 * The pages' own context: a session by cookie, forms that only this server can have made, errors as pages, nothing ever
 * stored, framed or fetched from elsewhere.
 */
export async function usePages(app: FastifyInstance, { site, sessions }: ContextOptions): Promise<void> {
  app.removeAllContentTypeParsers()
  await app.register(formbody, { parser: readForm })
  await app.register(cookie)
  await app.register(csrf, {
    cookieKey: site.csrfCookie,
    cookieOpts: site.cookieOptions,
    getToken: request => (request.body as Record<string, string> | undefined)?._csrf,
    getUserInfo: boundTo,
    csrfOpts: { hmacKey: site.csrfKey, userInfo: true },
  })
  const { name, base } = site
  const shared = { site: { name, base }, texts, stylesheet: site.base + STYLE_PATH, say: phrase }
  // Production: templates are read once.
  const engine = { eta: new Eta() }
  await app.register(view, { engine, root: `${import.meta.dirname}/views`, production: true, defaultContext: shared })

  app.decorateRequest('signedIn', undefined)
  app.decorateReply('page', page)
  app.addHook('preValidation', async request => {
    const text = request.cookies[site.sessionCookie]
    request.signedIn = text === undefined ? undefined : await sessions.find(text)
    if (request.signedIn) nowActing({ userId: request.signedIn.user.id })
  })
  app.addHook('onSend', async (_request, reply) => {
    reply.headers({ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer', 'x-frame-options': 'DENY' })
    if (!reply.hasHeader('content-security-policy')) reply.header('content-security-policy', policy())
  })
  app.setErrorHandler(showError)
}

/** A form works in the session that it was made in, and in no other. */
const boundTo = ({ signedIn }: FastifyRequest) => signedIn?.session.id ?? 'nobody'

function page(this: FastifyReply, name: string, data: PageData, { status = 200, leadsTo = [] }: PageOptions = {}) {
  const csrf = this.generateCsrf({ userInfo: boundTo(this.request) })
  this.code(status).header('content-security-policy', policy(leadsTo))
  return this.viewAsync(name, { user: this.request.signedIn?.user, csrf, ...data })
}

const policy = (leadsTo: readonly string[] = []) =>
  [
    "default-src 'none'",
    "style-src 'self'",
    `form-action ${["'self'", ...leadsTo].join(' ')}`,
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join('; ')

async function showError(error: FastifyError, request: FastifyRequest, reply: FastifyReply) {
  const known = forPeople(error)
  if (known.status >= 500) request.log.error({ err: error.cause ?? error }, known.code)
  const { status, code, message, headers } = known
  const title = texts.error.titles[code] ?? texts.error.title
  reply.headers(headers)
  return reply.page('error.eta', { title, detail: message, signIn: code === 'signed_out' }, { status })
}

function forPeople(error: FastifyError): PosternError {
  if (error.code?.startsWith('FST_CSRF_')) {
    return new PosternError({ status: 403, code: 'stale_form', detail: texts.error.form, cause: error })
  }
  const known = inOurWords(error)
  if (known.status !== 422) return known
  return new PosternError({ status: 400, code: known.code, detail: known.message, cause: error })
}
