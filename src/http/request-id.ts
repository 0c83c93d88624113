import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyRequest, FastifyServerOptions } from 'fastify'

/** What proxies and clients send: a UUID, a trace id. Nothing that a log or a terminal could misread. */
const ACCEPTED = /^[\w.-]{1,128}$/

/** Options for a server whose requests keep the id that they arrive with in `X-Request-Id`, or get one. */
export const requestIds: Pick<FastifyServerOptions, 'genReqId' | 'requestIdHeader'> = {
  requestIdHeader: false,
  genReqId: ({ headers }: Pick<IncomingMessage, 'headers'>) => acceptedId(headers) ?? randomUUID(),
}

function acceptedId(headers: IncomingMessage['headers']): string | undefined {
  const sent = headers['x-request-id']
  return typeof sent === 'string' && ACCEPTED.test(sent) ? sent : undefined
}

/**
 * The id that a request was sent with, for the body of a problem. An id of our own is in the header only: refusals that must not
 * tell one case from another stay equal byte for byte.
 */
export function sentRequestId({ headers }: Pick<FastifyRequest, 'headers'>): { request_id?: string } {
  const id = acceptedId(headers)
  return id === undefined ? {} : { request_id: id }
}

/** Returns the id of each request in `X-Request-Id`. Every line of the log about the request has it. */
export function useRequestId(app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id)
    done()
  })
}
