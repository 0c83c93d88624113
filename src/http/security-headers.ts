import type { FastifyInstance } from 'fastify'
import helmet from 'helmet'

/**
 * Made once, where the plug-in for Fastify makes it anew for each request. Pages have a policy of their own; what is left
 * out speaks to browsers and plug-ins that nobody has any more.
 */
const secure = helmet({
  contentSecurityPolicy: false,
  xDnsPrefetchControl: false,
  xDownloadOptions: false,
  xPermittedCrossDomainPolicies: false,
  xXssProtection: false,
})

/** Headers that keep browsers from misusing an answer, on every one of them. */
export function useSecurityHeaders(app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => secure(request.raw, reply.raw, error => done(error as Error)))
}
