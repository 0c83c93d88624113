import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type FieldError, forbidden, PosternError, signedOut } from '../errors/errors.ts'
import type { SignedIn } from '../users/sessions.ts'
import { type Site, signInPath } from './site.ts'
import { texts } from './texts.ts'

export interface RequireSignedInOptions {
  site: Site
  /** Whom the pages are for: everybody who is signed in, or administrators only. */
  role?: 'user' | 'admin'
}

/**
 * Makes every route of this context a page for people who are signed in: others are sent to sign in and then back, each
 * form needs its CSRF token, and none of it stands in the API's document.
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

/** Who is signed in, in a context of `requireSignedIn`. */
export function signedInOf({ signedIn }: FastifyRequest): SignedIn {
  if (signedIn) return signedIn
  throw signedOut()
}

/** What a form was refused for. */
export interface FormError {
  status: number
  message: string
}

/**
 * What is wrong with what somebody filled in, so that the form is shown again as it was.
 * @throws whatever is not for the person to mend
 */
export function formErrorOf(error: unknown): FormError {
  if (!(error instanceof PosternError) || ![400, 403, 409, 422, 429].includes(error.status)) throw error
  return { status: error.status === 422 ? 400 : error.status, message: toMessage(error) }
}

/** Fields by the names that people read. */
function toMessage({ message, extra }: PosternError): string {
  const errors = extra.errors as FieldError[] | undefined
  if (!errors) return message
  return errors.map(({ path, message }) => `${fieldName(path)} ${message}`.trim()).join('; ')
}

function fieldName(path: string): string {
  const [field = ''] = path.split('/')
  return Object.entries<string>(texts.fields).find(([name]) => name === field)?.[1] ?? field
}
