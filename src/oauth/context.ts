import formbody from '@fastify/formbody'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { PosternError } from '../errors/errors.ts'
import { invalidRequest, printable, withChallenge } from '../errors/protocol.ts'
import { useErrorRenderer } from '../http/problems.ts'
import { readForm } from './form.ts'

/**
 * Configures a context for the OAuth routes: strict form bodies, errors in the format of RFC 6749 §5.2, `no-store`.
 */
export async function useProtocolErrors(app: FastifyInstance): Promise<void> {
  app.removeContentTypeParser(['application/json', 'text/plain'])
  await app.register(formbody, { parser: readForm })
  // Forms contain only strings, so there is nothing to validate. Handlers report missing parameters as protocol errors.
  app.setValidatorCompiler(() => () => true)
  useErrorRenderer(app, sendProtocolError)
  app.addHook('onSend', (_request, reply, _payload, done) => {
    if (!reply.hasHeader('cache-control')) reply.headers({ 'cache-control': 'no-store', pragma: 'no-cache' })
    done()
  })
}

export function sendProtocolError(reply: FastifyReply, error: PosternError): FastifyReply {
  const { authorization } = reply.request.headers
  const { status, code, message, headers } = withChallenge(toProtocolError(error), authorization)
  return reply
    .code(status)
    .headers({ 'cache-control': 'no-store', pragma: 'no-cache', ...headers })
    .type('application/json; charset=utf-8')
    .serializer(JSON.stringify)
    .send({ error: code, error_description: printable(message) })
}

/** Converts other errors to protocol errors. */
function toProtocolError(error: PosternError): PosternError {
  if (error.status === 422 || error.code === 'bad_request') return invalidRequest(error.message, error.cause)
  // Keeps the more specific HTTP status; the protocol has only `invalid_request` for both.
  if (error.status === 413 || error.status === 415) {
    return new PosternError({
      status: error.status,
      code: 'invalid_request',
      detail: error.message,
      cause: error.cause,
      headers: error.headers,
    })
  }
  if (error.status === 500)
    return new PosternError({ ...error, status: 500, code: 'server_error', detail: error.message })
  return error
}

/**
 * Rejects all other methods of an endpoint with 405 in the format of its context (RFC 6749 §3.2, RFC 9110 §15.5.6).
 * @param allow the methods that it has; HEAD comes with GET
 */
export function rejectOtherMethods(app: FastifyInstance, url: string, allow = ['POST']): void {
  app.route({
    method: ['GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'].filter(method => !allow.includes(method)),
    url,
    schema: { hide: true } as never,
    // Before the body is read: it may have a type that the endpoint does not accept.
    onRequest: async () => {
      throw new PosternError({
        status: 405,
        code: 'invalid_request',
        detail: `Use ${allow.join(' or ')}.`,
        headers: { allow: allow.join(', ') },
      })
    },
    handler: async () => {},
  })
}
