import { createAuthenticator } from '../authenticator.ts'
import { bearerText, type Carrier } from '../bearer.ts'
import { type ErrorResponse, toErrorResponse } from '../error-response.ts'
import { checkOptions, isFunction, isWebUrl } from '../options.ts'
import { PosternError } from '../postern-error.ts'
import { ANY_TOKEN, allOf, anyOf, assertScopes, assertToken, type ScopeRequirement } from '../requirements.ts'
import { resourceMetadataUrl } from '../resource.ts'
import type { Token } from '../token.ts'
import type { AdapterOptions, Checks } from './public.ts'

/** A request in the words of no framework. */
export interface GuardedRequest {
  /** The framework's own object, by which a request is known again. */
  request: object
  /** Whatever comes before the query. */
  url: string
  headers: Carrier['headers']
  /** What was read of the body, if anything was. */
  body?: unknown
}

/** What became of a request: it has a token that does, or what to answer in place of the route. */
export type CheckResult = { token: Token; error?: undefined } | { token?: undefined; error: ErrorResponse }

export type RunCheck = (request: GuardedRequest) => Promise<CheckResult>

/** The guard of a framework, from what is the framework's own: how its check asks and answers. */
export function createChecks<Check>(options: AdapterOptions, toCheck: (runCheck: RunCheck) => Check): Checks<Check> {
  checkOptions('guard', options, { resource: isWebUrl, onError: isFunction })
  const { resource, onError = console.error, ...identifyRequest } = options
  const metadataUrl = resource === undefined ? undefined : resourceMetadataUrl(resource).href
  const { authenticate, ready, health, close } = createAuthenticator(identifyRequest, {
    issuerUnavailable: onError,
    issuerRefused: onError,
  })
  /** Let in by an earlier check on the same route; by this guard, since another may ask for another audience. */
  const known = new WeakMap<object, Token>()

  async function identify({ request, url, headers, body }: GuardedRequest): Promise<Token> {
    const identified = known.get(request)
    if (identified) return identified
    const token = await authenticate(bearerText({ headers, query: queryOf(url), body }))
    assertToken(token)
    known.set(request, token)
    return token
  }

  async function runCheck(guarded: GuardedRequest, requirement: ScopeRequirement): Promise<CheckResult> {
    try {
      const token = await identify(guarded)
      assertScopes(token, requirement)
      return { token }
    } catch (error) {
      if (!(error instanceof PosternError) || error.status >= 500) onError(error)
      return { error: toErrorResponse(error, metadataUrl) }
    }
  }

  const check = (requirement: ScopeRequirement) => toCheck(guarded => runCheck(guarded, requirement))
  return {
    checkScopes: (...all) => check(allOf(all)),
    checkAnyScope: (...any) => check(anyOf(any)),
    requireToken: () => check(ANY_TOKEN),
    ready,
    health,
    close,
  }
}

function queryOf(url: string): object | undefined {
  const at = url.indexOf('?')
  return at < 0 ? undefined : Object.fromEntries(new URLSearchParams(url.slice(at)))
}
