import { STATUS_CODES } from 'node:http'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ErrorCode } from '../../packages/guard/src/error-code.ts'
import { type FieldError, internalError, invalid, notFound, PosternError, toProblem } from '../errors/errors.ts'
import type { Cors } from './cors.ts'
import { methodNotAllowed, recordMethods } from './methods.ts'
import { sentRequestId } from './request-id.ts'

/** Renders errors as problem details (RFC 9457), whatever `Accept` says. Internal details are not disclosed. */
export function useProblemErrors(app: FastifyInstance): void {
  const allowedMethods = recordMethods(app)
  useErrorRenderer(app, sendProblem)
  app.setNotFoundHandler((request, reply) => {
    const allow = allowedMethods(request)
    return sendProblem(reply, allow === undefined ? notFound('route') : methodNotAllowed(allow))
  })
}

/** Sends an error in the format of a plugin context. */
export type RenderError = (reply: FastifyReply, error: PosternError) => FastifyReply | Promise<unknown>

/**
 * The common error handler: converts an error to a `PosternError`, logs it if its status is 5xx, and renders it.
 * @param translate converts errors that are specific to the context; default: `toPosternError`
 */
export function useErrorRenderer(app: FastifyInstance, render: RenderError, translate = toPosternError): void {
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const posternError = translate(error, request)
    if (posternError.status >= 500) request.log.error({ err: error.cause ?? error }, posternError.code)
    return render(reply, posternError)
  })
}

/**
 * Handles requests that Fastify rejects before routing: with a path that is not UTF-8, or a segment that is too long. No hook
 * runs for them.
 */
export function createFrameworkProblem(cors: Cors) {
  return (error: FastifyError, request: FastifyRequest, reply: FastifyReply): void => {
    reply.headers({ ...cors.headersFor(request), 'x-request-id': request.id })
    sendProblem(reply, toPosternError(error, request))
  }
}

function sendProblem(reply: FastifyReply, error: PosternError): FastifyReply {
  return reply
    .code(error.status)
    .headers({ 'cache-control': 'no-store', ...error.headers })
    .type('application/problem+json')
    .serializer(JSON.stringify)
    .send({ ...toProblem(error), ...sentRequestId(reply.request) })
}

/** Maximum number of errors in a response, such as for a body with thousands of unknown fields. */
export const MAX_ERRORS = 50

/** Converts Fastify's errors. Any other unexpected error becomes a 500 without details. */
export function toPosternError(error: FastifyError, request: FastifyRequest): PosternError {
  if (error instanceof PosternError) return error
  if (error.statusCode === 415) return unsupportedMediaType(request, error)
  if (error.validation) {
    const violations = error.validation.filter(v => !isOfOptionalBody(v)).slice(0, MAX_ERRORS)
    return invalid(...violations.map(v => fieldError(v, error.validationContext)))
  }
  const status = error.statusCode ?? 500
  if (status >= 400 && status < 500) {
    return requestError(status, sentence(error.message), error)
  }
  return internalError(error)
}

const MEDIA_TYPES = ['application/json', 'application/x-www-form-urlencoded']

/** Lists the media types that the route accepts, in the message and in `Accept` (RFC 9110 §15.5.16). */
function unsupportedMediaType({ server, headers }: FastifyRequest, cause: Error): PosternError {
  const accepted = MEDIA_TYPES.filter(type => server.hasContentTypeParser(type)).join(', ')
  const sent = headers['content-type'] ? 'Content-Type is not supported' : 'Content-Type is missing'
  return new PosternError({
    status: 415,
    code: 'unsupported_media_type',
    detail: `${sent}: send the body as ${accepted}.`,
    cause,
    headers: { accept: accepted },
  })
}

/** An error whose code is derived from its status. */
export const requestError = (status: number, detail: string, cause?: unknown) =>
  new PosternError({ status, code: codeOf(status), detail, cause })

const codeOf = (status: number) =>
  (STATUS_CODES[status] ?? 'error').toLowerCase().replaceAll(/[^a-z]+/g, '_') as ErrorCode
const sentence = (text: string) => (/[.!?]$/.test(text) ? text : `${text}.`)

interface Violation {
  instancePath: string
  message?: string
  keyword: string
  params: Record<string, unknown>
}

/** A body that may be left out is an object or null. That it is not null says nothing beside what is wrong with the object. */
const isOfOptionalBody = ({ keyword, instancePath, params }: Violation) =>
  instancePath === '' && (keyword === 'anyOf' || (keyword === 'type' && params.type === 'null'))

function fieldError(violation: Violation, context: string | undefined): FieldError {
  const { keyword, params, message = 'is not valid' } = violation
  const path = violation.instancePath.slice(1)
  const at = (name: unknown) => (path ? `${path}/${name}` : String(name))
  if (keyword === 'required') return { path: at(params.missingProperty), message: 'is required' }
  if (keyword === 'additionalProperties') return { path: at(params.additionalProperty), message: 'is not known' }
  if (keyword === 'format' && params.format === 'date-time')
    return { path, message: 'must be an RFC 3339 time: 2030-01-31T12:00:00Z' }
  if (keyword === 'enum') return { path, message: `must be one of ${(params.allowedValues as string[]).join(', ')}` }
  return { path: path || (context === 'body' ? '' : (context ?? '')), message: path ? message : `The body ${message}` }
}
