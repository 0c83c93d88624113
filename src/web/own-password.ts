import type { FastifyReply, FastifyRequest } from 'fastify'
import { forbidden } from '../errors/errors.ts'
import type { Site } from './site.ts'
import { texts } from './texts.ts'

/** Path of the page where users replace a generated password, below the site's base. */
export const NEW_PASSWORD = '/new-password'

/** Redirects users with a generated password to the page where they replace it. They can also sign out. */
export function ownPasswordFirst(site: Site) {
  const allowed = [NEW_PASSWORD, '/login', '/logout'].map(path => site.base + path)
  return async (request: FastifyRequest, reply: FastifyReply) => {
    if (!request.signedIn?.user.mustChangePassword) return
    const url = site.absoluteUrl(request.url)
    if (allowed.includes(url.split('?')[0] as string)) return
    if (request.method !== 'GET' && request.method !== 'HEAD') throw forbidden(texts.newPassword.first)
    return reply.redirect(`${site.base}${NEW_PASSWORD}?next=${encodeURIComponent(url)}`, 303)
  }
}
