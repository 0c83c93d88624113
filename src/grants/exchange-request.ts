import type { TokenFormat } from '../clients/client.entity.ts'
import { invalidRequest } from '../errors/protocol.ts'
import type { Params } from './grant.ts'

const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'
/** A JWT, of this deployment or of a trusted issuer (RFC 8693 §3). */
export const JWT_TYPE = 'urn:ietf:params:oauth:token-type:jwt'
const TYPES = [ACCESS_TOKEN, JWT_TYPE]

/** A token exchange request (RFC 8693 §2.1). */
export interface Exchange {
  subject: string
  /** The format that the request states for the subject token; undefined: any. */
  subjectFormat: TokenFormat | undefined
  /** The requested format of the new token; undefined: the client's default. */
  format: TokenFormat | undefined
  /** `issued_token_type` of the response. */
  type: string
  /** The values of `resource` and `audience`, which are equivalent here, separated by spaces. */
  target: string | undefined
}

/** @throws 400 `invalid_request` that names the missing or unsupported parameter, `invalid_target` */
export function readExchange(params: Params): Exchange {
  const { subject_token: subject, requested_token_type: type = ACCESS_TOKEN } = params
  if (subject === undefined) throw invalidRequest('subject_token is missing.')
  if (params.actor_token !== undefined || params.actor_token_type !== undefined) {
    throw invalidRequest('actor_token is not supported: only the subject can act with the new token.')
  }
  const subjectFormat = format('subject_token_type', params.subject_token_type)
  return { subject, subjectFormat, format: format('requested_token_type', type), type, target: target(params) }
}

function format(name: string, type: string | undefined): TokenFormat | undefined {
  if (type === undefined || !TYPES.includes(type)) throw invalidRequest(`${name} must be one of ${TYPES.join(', ')}.`)
  return type === JWT_TYPE ? 'jwt' : undefined
}

function target({ resource, audience }: Params): string | undefined {
  return resource === undefined || audience === undefined ? (resource ?? audience) : `${resource} ${audience}`
}
