import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'
import helmet from 'helmet'

/**
 * Pages have a policy of their own; what is left out speaks to browsers and plug-ins that nobody has any more. Without a
 * policy that differs from page to page they are the same for every answer, so they are asked for once.
 */
const HEADERS = set(
  helmet({
    contentSecurityPolicy: false,
    xDnsPrefetchControl: false,
    xDownloadOptions: false,
    xPermittedCrossDomainPolicies: false,
    xXssProtection: false,
  }),
)

/**
 * Headers that keep browsers from misusing an answer, on every one of them. They go through the reply: what is set on the
 * raw answer makes Node write all headers the slow way.
 */
export function useSecurityHeaders(app: FastifyInstance): void {
  app.addHook('onRequest', (_request, reply, done) => {
    reply.headers(HEADERS)
    done()
  })
}

/** What a middleware sets on an answer. */
function set(middleware: ReturnType<typeof helmet>): Record<string, string> {
  const headers: Record<string, string> = {}
  const response = {
    setHeader: (name: string, value: string) => Object.assign(headers, { [name.toLowerCase()]: value }),
    removeHeader: () => {},
  }
  middleware({} as IncomingMessage, response as unknown as ServerResponse, () => {})
  return headers
}
