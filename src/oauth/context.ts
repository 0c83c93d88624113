import formbody from '@fastify/formbody'
import type { FastifyError, FastifyInstance, FastifyReply } from 'fastify'
import { PosternError } from '../errors.ts'
import type { Params } from '../grants/grant.ts'
import { inOurWords } from '../http/problems.ts'
import { invalidRequest } from '../protocol-errors.ts'

/**
 * The protocol's own context: form bodies read strictly, errors as RFC 6749 §5.2 shapes them, nothing ever stored.
 */
export async function useProtocol(app: FastifyInstance): Promise<void> {
  app.removeContentTypeParser(['application/json', 'text/plain'])
  await app.register(formbody, { parser: readForm })
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const known = inOurWords(error)
    if (known.status >= 500) request.log.error({ err: error.cause ?? error }, known.code)
    return sendProtocolError(reply, known)
  })
  app.addHook('onSend', async (_request, reply) => {
    if (!reply.hasHeader('cache-control')) reply.headers({ 'cache-control': 'no-store', pragma: 'no-cache' })
  })
}

export function sendProtocolError(reply: FastifyReply, error: PosternError): FastifyReply {
  const { status, code, message, headers } = asProtocol(error)
  return reply
    .code(status)
    .headers({ 'cache-control': 'no-store', pragma: 'no-cache', ...headers })
    .type('application/json; charset=utf-8')
    .serializer(JSON.stringify)
    .send({ error: code, error_description: printable(message) })
}

/** Refusals that were not written for the protocol, in its vocabulary. */
function asProtocol(error: PosternError): PosternError {
  if (error.status === 422 || error.code === 'bad_request') return invalidRequest(error.message, error.cause)
  if (error.status === 500)
    return new PosternError({ ...error, status: 500, code: 'server_error', detail: error.message })
  return error
}

/** `error_description` is a subset of ASCII (RFC 6749 §5.2). */
const printable = (text: string) => text.replaceAll('"', "'").replaceAll(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, '?')

/**
 * Reads a form body. A parameter that comes twice is refused, one without a value counts as absent (RFC 6749 §3.2).
 * @throws 400 `invalid_request`
 */
export function readForm(text: string): Params {
  const params: Record<string, string> = Object.create(null)
  for (const [name, value] of pairs(text)) {
    if (value === '') continue
    if (name in params) throw invalidRequest(`${name} was sent more than once.`)
    params[name] = value
  }
  return params
}

function* pairs(text: string): Generator<[string, string]> {
  for (const pair of text.split('&')) {
    if (pair === '') continue
    const at = pair.indexOf('=')
    yield at < 0 ? [decode(pair), ''] : [decode(pair.slice(0, at)), decode(pair.slice(at + 1))]
  }
}

/** application/x-www-form-urlencoded, and nothing that PostgreSQL would refuse. */
function decode(text: string): string {
  let value: string
  try {
    value = decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw invalidRequest('The form is not valid UTF-8.')
  }
  if (value.includes('\0')) throw invalidRequest('A parameter contains a NUL character.')
  // Bytes that are not UTF-8 were replaced when the body was read.
  if (value.includes('\uFFFD')) throw invalidRequest('The form is not valid UTF-8.')
  return value
}

/** Refuses every method but POST where the protocol names POST (RFC 6749 §3.2). */
export function onlyPost(app: FastifyInstance, url: string): void {
  app.route({
    method: ['GET', 'PUT', 'PATCH', 'DELETE'],
    url,
    schema: { hide: true } as never,
    handler: async (_request, reply) => {
      const error = new PosternError({
        status: 405,
        code: 'invalid_request',
        detail: 'Use POST.',
        headers: { allow: 'POST' },
      })
      return sendProtocolError(reply, error)
    },
  })
}
