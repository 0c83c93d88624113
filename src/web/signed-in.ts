import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type FieldError, forbidden, PosternError, signedOut } from '../errors/errors.ts'
import type { SignedIn } from '../users/sessions.ts'
import { type Site, signInPath } from './site.ts'
import { texts } from './texts.ts'

export interface RequireSignedInOptions {
  site: Site
  /** Who may open the pages: all users, or administrators only. */
  role?: 'user' | 'admin'
}

/**
 * Requires a signed-in user for every route of this context. Others are redirected to sign in and then back. Forms need a
 * CSRF token, and the routes are not in the OpenAPI document.
 */
export function requireSignedIn(app: FastifyInstance, { site, role = 'user' }: RequireSignedInOptions): void {
  app.addHook('onRoute', route => {
    route.schema = { ...route.schema, hide: true } as never
  })
  app.addHook('preHandler', async (request, reply) => {
    const reads = request.method === 'GET' || request.method === 'HEAD'
    if (!request.signedIn) {
      if (!reads) throw signedOut()
      return reply.redirect(signInPath(site, site.absoluteUrl(request.url)), 303)
    }
    if (role === 'admin' && request.signedIn.user.role !== 'admin') throw forbidden(texts.error.adminOnly)
  })
  app.addHook('preHandler', (request, reply, done) =>
    request.method === 'POST' ? app.csrfProtection(request, reply, done) : done(),
  )
}

/** The signed-in user, in a context of `requireSignedIn`. */
export function signedInOf({ signedIn }: FastifyRequest): SignedIn {
  if (signedIn) return signedIn
  throw signedOut()
}

/** Why a form was rejected. */
export interface FormError {
  status: number
  message: string
}

/**
 * The error of a form that the user can correct, to show the form again.
 * @throws any other error
 */
export function formErrorOf(error: unknown): FormError {
  if (!(error instanceof PosternError) || ![400, 403, 409, 422, 429].includes(error.status)) throw error
  return { status: error.status === 422 ? 400 : error.status, message: toMessage(error) }
}

/** The message, with field names as on the pages. */
function toMessage({ message, extra }: PosternError): string {
  const errors = extra.errors as FieldError[] | undefined
  if (!errors) return message
  return errors.map(({ path, message }) => `${fieldName(path)} ${message}`.trim()).join('; ')
}

function fieldName(path: string): string {
  const [field = ''] = path.split('/')
  return Object.entries<string>(texts.fields).find(([name]) => name === field)?.[1] ?? field
}
