import { invalidRequest } from '../errors/protocol.ts'
import type { Params } from '../grants/grant.ts'
import { isTarget, joined, pairs } from './form.ts'

/** What an authorization request may say; the rest is ignored (RFC 6749 §3.1). */
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

/** The parameters as sent; those apart that came more than once and must not: of these none counts. */
export interface ParsedQuery {
  params: Params
  repeated: readonly string[]
}

/**
 * Reads the query of an authorization request. Whether a repeated parameter can be told to the client depends on which
 * it is, so nothing is refused yet.
 * @throws 400 for what is not text
 */
export function readQuery(query: string): ParsedQuery {
  const params: Record<string, string> = Object.create(null)
  const repeated = new Set<string>()
  for (const [name, value] of pairs(query)) {
    if (value === '' || !KNOWN.has(name)) continue
    const target = isTarget(name)
    if (name in params && !target) repeated.add(name)
    params[name] = target ? joined(params[name], value) : value
  }
  for (const name of repeated) delete params[name]
  return { params, repeated: [...repeated] }
}

/** The parameters of a request that are worth storing: no credentials. */
export function knownParams(params: Params): Record<string, string> {
  const known = Object.entries(params).filter(([name]) => KNOWN.has(name))
  return Object.fromEntries(known) as Record<string, string>
}

const PROMPTS = ['none', 'login', 'consent', 'select_account'] as const
export type Prompt = (typeof PROMPTS)[number]

/**
 * What the client wants the person to be asked (OpenID Connect Core §3.1.2.1).
 * @throws 400 `invalid_request`
 */
export function readPrompt(text: string | undefined): ReadonlySet<Prompt> {
  const words = text?.split(' ').filter(Boolean) ?? []
  const known = words.map(word => PROMPTS.find(prompt => prompt === word))
  const prompts = new Set(known.filter(prompt => prompt !== undefined))
  if (prompts.size < words.length) throw invalidRequest(`prompt must be of ${PROMPTS.join(', ')}, each once.`)
  if (prompts.has('none') && prompts.size > 1) throw invalidRequest('prompt=none stands alone.')
  return prompts
}
