import type { FastifyReply, FastifyRequest } from 'fastify'
import { forbidden } from '../errors/errors.ts'
import type { Site } from './site.ts'
import { texts } from './texts.ts'

/** Where somebody chooses the first password of their own, below the site's base. */
export const NEW_PASSWORD = '/new-password'

/** Whoever signed in with a password that the server made chooses another before anything else, or signs out. */
export function ownPasswordFirst(site: Site) {
  const allowed = [NEW_PASSWORD, '/login', '/logout'].map(path => site.base + path)
  return async (request: FastifyRequest, reply: FastifyReply) => {
    if (!request.signedIn?.user.mustChangePassword) return
    const asked = site.absoluteUrl(request.url)
    if (allowed.includes(asked.split('?')[0] as string)) return
    if (request.method !== 'GET' && request.method !== 'HEAD') throw forbidden(texts.newPassword.first)
    return reply.redirect(`${site.base}${NEW_PASSWORD}?next=${encodeURIComponent(asked)}`, 303)
  }
}
