import type { FastifyReply, FastifyRequest } from 'fastify'
import { forbidden } from '../errors/errors.ts'
import type { Site } from './site.ts'
import { texts } from './texts.ts'

/** Path of the page where users replace a generated password, below the site's base. */
export const NEW_PASSWORD = '/new-password'

/** Redirects users with a generated password to the page where they replace it. They can also sign out. */
export function requireOwnPassword(site: Site) {
  const allowed = [NEW_PASSWORD, '/login', '/logout', '/language'].map(path => site.base + path)
  return async (request: FastifyRequest, reply: FastifyReply) => {
    if (!request.signedIn?.user.mustChangePassword) return
    const path = site.absoluteUrl(request.routeOptions.url ?? '')
    if (allowed.some(each => path === each || path.startsWith(`${each}/`))) return
    if (request.method !== 'GET' && request.method !== 'HEAD') throw forbidden(texts.newPassword.first)
    const url = site.absoluteUrl(request.url)
    return reply.redirect(`${site.base}${NEW_PASSWORD}?next=${encodeURIComponent(url)}`, 303)
  }
}
