import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Config } from '../../config/config.ts'
import { forbidden } from '../../errors/errors.ts'
import { requiresFactor } from '../../users/factors/policy.ts'
import type { SignedIn } from '../../users/sessions.ts'
import { NEW_PASSWORD } from '../own-password.ts'
import type { Site } from '../site.ts'
import { texts } from '../texts.ts'

/** Path of the page where users set up second factors, below the site's base. */
export const SECURITY = '/account/security'

/** Whether the user has to set up a second factor first. A provider's sign-in is the provider's affair. */
export const mustAddFactor = ({ session, user, hasFactors }: SignedIn, config: Pick<Config, 'mfa'>): boolean =>
  !hasFactors && !session.provider && requiresFactor(user, config)

/** Redirects users who have to set up a second factor to the page for it. They can also sign out. */
export function requireFactor(site: Site, config: Pick<Config, 'mfa'>) {
  const allowed = [SECURITY, NEW_PASSWORD, '/login', '/logout', '/confirm', '/language'].map(path => site.base + path)
  return async (request: FastifyRequest, reply: FastifyReply) => {
    if (!request.signedIn || !mustAddFactor(request.signedIn, config)) return
    const path = site.absoluteUrl(request.routeOptions.url ?? '')
    if (allowed.some(each => path === each || path.startsWith(`${each}/`))) return
    if (request.method !== 'GET' && request.method !== 'HEAD') throw forbidden(texts.security.first)
    const url = site.absoluteUrl(request.url)
    return reply.redirect(`${site.base}${SECURITY}?next=${encodeURIComponent(url)}`, 303)
  }
}
