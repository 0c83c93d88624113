import type { FastifyReply } from 'fastify'
import { PosternError } from '../errors/errors.ts'

export const ERROR_SCHEMA = 'urn:ietf:params:scim:api:messages:2.0:Error'
export const SCIM_JSON = 'application/scim+json'

/** RFC 7644 §3.12, table 9. */
export type ScimType =
  | 'invalidFilter'
  | 'tooMany'
  | 'uniqueness'
  | 'mutability'
  | 'invalidSyntax'
  | 'invalidPath'
  | 'noTarget'
  | 'invalidValue'

/** A 400 with its `scimType`. */
export const scimError = (scimType: ScimType, detail: string): PosternError =>
  new PosternError({ status: 400, code: 'bad_request', detail, extra: { scimType } })

/** 409: another resource has the value. */
export const notUnique = (detail: string): PosternError =>
  new PosternError({ status: 409, code: 'conflict', detail, extra: { scimType: 'uniqueness' } })

/** 412: the resource is not the version that the request names (RFC 7644 §3.14). */
export const versionMismatch = (): PosternError =>
  new PosternError({ status: 412, code: 'bad_request', detail: 'The resource has changed since. Read it again.' })

/** Renders an error as RFC 7644 §3.12 describes it, with the status as text. Validation errors of other features are 400. */
export function sendScimError(reply: FastifyReply, error: PosternError): FastifyReply {
  const isInvalid = error.status === 422
  const status = isInvalid ? 400 : error.status
  const scimType = isInvalid
    ? 'invalidValue'
    : (error.extra?.scimType ?? (status === 400 ? 'invalidSyntax' : undefined))
  const body = {
    schemas: [ERROR_SCHEMA],
    ...(scimType !== undefined && { scimType }),
    detail: error.message,
    status: String(status),
  }
  return reply
    .code(status)
    .headers({ 'cache-control': 'no-store', ...error.headers })
    .type(SCIM_JSON)
    .serializer(JSON.stringify)
    .send(body)
}
