import { invalidRequest } from '../errors/protocol.ts'
import type { Params } from '../grants/grant.ts'
import { hasSpace, isTarget, joined, pairs } from './form.ts'

/** Supported parameters of an authorization request. Others are ignored (RFC 6749 §3.1). */
const KNOWN: ReadonlySet<string> = new Set([
  'client_id',
  'redirect_uri',
  'state',
  'response_type',
  'response_mode',
  'scope',
  'resource',
  'prompt',
  'code_challenge',
  'code_challenge_method',
  'request',
  'request_uri',
])

/** The parameters as sent, without those that were repeated although they must not be; these are listed separately. */
export interface ParsedQuery {
  params: Params
  repeated: readonly string[]
  /** Whether a `resource` is no URI. */
  badResource?: boolean
}

/**
 * Parses the query of an authorization request. It does not reject repeated parameters and malformed resources: whether the
 * error can be sent to the client depends on its other parameters.
 * @throws 400 for a query that is not valid UTF-8
 */
export function readQuery(query: string): ParsedQuery {
  const params: Record<string, string> = Object.create(null)
  const repeated = new Set<string>()
  const sent = pairs(query).filter(([name, value]) => value !== '' && KNOWN.has(name))
  const badResource = sent.some(([name, value]) => isTarget(name) && hasSpace(value))
  for (const [name, value] of sent) {
    const target = isTarget(name)
    if (name in params && !target) repeated.add(name)
    params[name] = target && !badResource ? joined(params[name], value) : value
  }
  for (const name of repeated) delete params[name]
  return { params, repeated: [...repeated], badResource }
}

/** The parameters of a request to store, without credentials. */
export function knownParams(params: Params): Record<string, string> {
  const known = Object.entries(params).filter(([name]) => KNOWN.has(name))
  return Object.fromEntries(known) as Record<string, string>
}

const PROMPTS = ['none', 'login', 'consent', 'select_account'] as const
export type Prompt = (typeof PROMPTS)[number]

/**
 * Parses the `prompt` parameter (OpenID Connect Core §3.1.2.1).
 * @throws 400 `invalid_request`
 */
export function readPrompt(text: string | undefined): ReadonlySet<Prompt> {
  const words = text?.split(' ').filter(Boolean) ?? []
  const known = words.map(word => PROMPTS.find(prompt => prompt === word))
  const prompts = new Set(known.filter(prompt => prompt !== undefined))
  if (prompts.size < words.length)
    throw invalidRequest(`prompt may contain only ${PROMPTS.join(', ')}, each at most once.`)
  if (prompts.has('none') && prompts.size > 1) throw invalidRequest('prompt=none cannot be combined with other values.')
  return prompts
}
