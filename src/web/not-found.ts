import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import { notFound } from '../errors/errors.ts'
import { acceptedTypes } from './accept.ts'

/** Below these paths errors are always JSON. */
const API_PREFIXES = new Set(['api', 'oauth', 'admin'])

/** Requests that match no route: a page for browsers, a JSON problem for others. */
export const notFoundPages: FastifyPluginAsync = async app => {
  // Bodies are ignored.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _payload, done) => done(null))
  app.all('/*', { schema: { hide: true } as never }, (request, reply) => {
    if (!wantsHtml(request)) return reply.callNotFound()
    throw notFound('page')
  })
}

/** Browsers accept HTML explicitly; other clients accept JSON, or anything. */
function wantsHtml({ params, headers }: FastifyRequest): boolean {
  const [firstSegment = ''] = (params as { '*': string })['*'].split('/')
  const named = acceptedTypes({ headers })
  return !API_PREFIXES.has(firstSegment) && named.includes('text/html') && !named.includes('application/json')
}
