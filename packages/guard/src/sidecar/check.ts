import type { IncomingMessage, ServerResponse } from 'node:http'
import { type PlainResponse, toErrorResponse } from '../error-response.ts'
import { acceptedMeanwhile } from '../errors.ts'
import { PosternError } from '../postern-error.ts'
import { type Authenticate, assertScopes, type ScopeRequirement } from '../requirements.ts'
import { Token } from '../token.ts'
import { BASIC_CHALLENGE, type Basic, credentialOf } from './credential.ts'
import { createFaultLog } from './fault-log.ts'
import { acceptedHeaders } from './identity.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'
import { createRequirementReader } from './requirement.ts'

export interface CheckOptions {
  authenticate: Authenticate
  basic: Basic
  /** The URL that a 401 names, if there is one. */
  metadataUrl: string | undefined
  metrics: Metrics
  log: Log
  /** Whether the server is closing, so that a connection has to end with its response. */
  isStopping: () => boolean
}

type Handle = (request: IncomingMessage, response: ServerResponse) => void

export interface Checks {
  /** Responds with 200 and the headers of the token, or with the error and its challenge. */
  check: Handle
  /**
   * Responds with the error only, for a proxy that discards the response of a check that was refused and asks for it again. A
   * token that is accepted meanwhile is a 503, so that the client repeats its request.
   */
  refusal: Handle
}

export const CHECK = '/check'
export const REFUSAL = '/refusal'

/** The seconds of a 503 that states none. */
const RETRY_AFTER = '2'

export function createChecks(options: CheckOptions): Checks {
  const { authenticate, basic, metadataUrl, metrics, log, isStopping } = options
  const requirementOf = createRequirementReader()
  const faults = createFaultLog(log)
  const isDebug = log.has('debug')

  function accept(response: ServerResponse, token: Token, required: readonly string[]): void {
    if (isStopping()) response.shouldKeepAlive = false
    response.writeHead(200, acceptedHeaders(token))
    response.end()
    if (isDebug) log.debug('check', { status: 200, required, token: token.id })
  }

  function refuse(response: ServerResponse, error: unknown, scopes?: readonly string[]): void {
    const { status, headers, body } = withBasic(toErrorResponse(error, { metadataUrl, scopes }), basic)
    if (isStopping()) response.shouldKeepAlive = false
    response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) })
    response.end(body)
    if (status >= 500) faults.report(error)
    else if (isDebug) log.debug('check', { status, code: codeOf(error) })
  }

  /** Calls back once, synchronously if everything is in memory. */
  function verify(path: string, request: IncomingMessage, accepted: Accepted, refused: Refused): void {
    let scopes: readonly string[] | undefined
    try {
      const requirement = requirementOf(request.url as string, path)
      scopes = requirement.scopes
      const result = authenticate(credentialOf(request.headers.authorization, basic))
      if (result instanceof Token) accepted(result, requirement)
      else
        Promise.resolve(result)
          .then(token => accepted(token, requirement))
          .catch(error => refused(error, requirement.scopes))
    } catch (error) {
      refused(error, scopes)
    }
  }

  return {
    check(request, response) {
      const start = performance.now()
      const count = (result: string) => metrics.checked(result, (performance.now() - start) / 1_000)
      const accepted: Accepted = (token, requirement) => {
        assertScopes(token, requirement)
        accept(response, token, requirement.scopes)
        count('ok')
      }
      verify(CHECK, request, accepted, (error, scopes) => {
        refuse(response, error, scopes)
        count(codeOf(error))
      })
    },
    refusal(request, response) {
      const accepted: Accepted = (token, requirement) => {
        assertScopes(token, requirement)
        throw acceptedMeanwhile()
      }
      verify(REFUSAL, request, accepted, (error, scopes) => refuse(response, error, scopes))
    },
  }
}

/** @throws PosternError 403 */
type Accepted = (token: Token, requirement: ScopeRequirement) => void

/** @param scopes that the request requires, as far as it could be read */
type Refused = (error: unknown, scopes: readonly string[] | undefined) => void

const codeOf = (error: unknown) => (error instanceof PosternError ? error.code : 'internal_error')

type Headers = Record<string, string | string[]>

/** Adds the challenge of HTTP Basic to a 401, as a field of its own: many clients read one challenge of a field. */
function withBasic(
  { status, headers, body }: PlainResponse,
  basic: Basic,
): { status: number; headers: Headers; body: string } {
  if (status === 503) return { status, headers: { 'retry-after': RETRY_AFTER, ...headers }, body }
  if (status !== 401 || basic === 'off') return { status, headers, body }
  const bearer = headers['www-authenticate'] as string
  const challenges = basic === 'only' ? BASIC_CHALLENGE : [bearer, BASIC_CHALLENGE]
  return { status, headers: { ...headers, 'www-authenticate': challenges }, body }
}
