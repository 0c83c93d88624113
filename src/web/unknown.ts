import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import { notFound } from '../errors/errors.ts'
import { acceptedTypes } from './accept.ts'

/** What is for programs only: below these everything that goes wrong is JSON, whoever asks. */
const PROGRAMS = new Set(['api', 'oauth', 'admin'])

/** What no route answers: a page for a person who asked for one, and the problem that everybody else gets. */
export const unknownPages: FastifyPluginAsync = async app => {
  // Nobody reads what is sent along.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _payload, done) => done(null))
  app.all('/*', { schema: { hide: true } as never }, (request, reply) => {
    if (!forPerson(request)) return reply.callNotFound()
    throw notFound('page')
  })
}

/** Browsers name HTML; programs name what they can read, or take whatever comes. */
function forPerson({ params, headers }: FastifyRequest): boolean {
  const [room = ''] = (params as { '*': string })['*'].split('/')
  const named = acceptedTypes({ headers })
  return !PROGRAMS.has(room) && named.includes('text/html') && !named.includes('application/json')
}
