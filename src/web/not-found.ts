import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import { notFound } from '../errors/errors.ts'
import { acceptedTypes } from './accept.ts'

/** What is for programs only: below these everything that goes wrong is JSON, whoever asks. */
const API_PREFIXES = new Set(['api', 'oauth', 'admin'])

/** What no route answers: a page for a person who asked for one, and the problem that everybody else gets. */
export const notFoundPages: FastifyPluginAsync = async app => {
  // Nobody reads what is sent along.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _payload, done) => done(null))
  app.all('/*', { schema: { hide: true } as never }, (request, reply) => {
    if (!wantsHtml(request)) return reply.callNotFound()
    throw notFound('page')
  })
}

/** Browsers name HTML; programs name what they can read, or take whatever comes. */
function wantsHtml({ params, headers }: FastifyRequest): boolean {
  const [firstSegment = ''] = (params as { '*': string })['*'].split('/')
  const named = acceptedTypes({ headers })
  return !API_PREFIXES.has(firstSegment) && named.includes('text/html') && !named.includes('application/json')
}
