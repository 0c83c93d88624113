import type { TokenFormat } from '../clients/client.entity.ts'
import { invalidRequest } from '../errors/protocol.ts'
import type { Params } from './grant.ts'

const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'
const JWT = 'urn:ietf:params:oauth:token-type:jwt'
const TYPES = [ACCESS_TOKEN, JWT]

/** What is to be traded for what (RFC 8693 §2.1). */
export interface Exchange {
  subject: string
  /** What the subject token was said to be; undefined: either. */
  subjectFormat: TokenFormat | undefined
  /** What the new token has to be; undefined: as the client has them. */
  format: TokenFormat | undefined
  /** `issued_token_type` of the answer. */
  type: string
  /** Resources by `resource`, `audience` or both: they are the same names here. Separated by spaces. */
  target: string | undefined
}

/** @throws 400 `invalid_request` that names what is missing or not understood, `invalid_target` */
export function readExchange(params: Params): Exchange {
  const { subject_token: subject, requested_token_type: type = ACCESS_TOKEN } = params
  if (subject === undefined) throw invalidRequest('subject_token is missing.')
  if (params.actor_token !== undefined || params.actor_token_type !== undefined) {
    throw invalidRequest('actor_token is not supported: the new token acts for nobody but the subject.')
  }
  const subjectFormat = format('subject_token_type', params.subject_token_type)
  return { subject, subjectFormat, format: format('requested_token_type', type), type, target: target(params) }
}

function format(name: string, type: string | undefined): TokenFormat | undefined {
  if (type === undefined || !TYPES.includes(type)) throw invalidRequest(`${name} must be one of ${TYPES.join(', ')}.`)
  return type === JWT ? 'jwt' : undefined
}

function target({ resource, audience }: Params): string | undefined {
  return resource === undefined || audience === undefined ? (resource ?? audience) : `${resource} ${audience}`
}
