import { createAuthenticator } from '../authenticator.ts'
import { bearerText, type TokenCarrier } from '../bearer.ts'
import { type PlainResponse, toErrorResponse } from '../error-response.ts'
import { checkOptions, isFunction, isWebUrl } from '../options.ts'
import { describeOwnResource, type OwnResourceOptions, ownResourceOf } from '../own-resource.ts'
import { PosternError } from '../postern-error.ts'
import { ANY_TOKEN, allOf, anyOf, assertScopes, assertToken, type ScopeRequirement } from '../requirements.ts'
import { resourceMetadataUrl } from '../resource.ts'
import type { Token } from '../token.ts'
import { createMetadataResponder, type RespondWithMetadata } from './metadata.ts'
import type { AdapterOptions, Checks } from './public.ts'

/** A request, independent of the framework. */
export interface GuardedRequest {
  /** The framework's request object, which identifies the request. */
  request: object
  /** The URL or its path, with the query. */
  url: string
  headers: TokenCarrier['headers']
  /** The parsed body, if there is one. */
  body?: unknown
}

/** The result of a check: the token, or the error response. */
export type CheckResult = { token: Token; error?: undefined } | { token?: undefined; error: PlainResponse }

export type RunCheck = (request: GuardedRequest) => Promise<CheckResult>

/** Makes the middlewares of a framework. */
export interface Framework<Check, Handler> {
  toCheck(runCheck: RunCheck): Check
  toHandler(respond: RespondWithMetadata): Handler
}

/** Makes the guard of a framework. */
export function createChecks<Check, Handler>(
  options: AdapterOptions,
  { toCheck, toHandler }: Framework<Check, Handler>,
): Checks<Check, Handler> {
  checkOptions('guard', options, { resource: isWebUrl, onError: isFunction })
  const { resource, onError = console.error, ...guardOptions } = options
  const known = { ...ownResourceOf(guardOptions), ...(resource !== undefined && { resource }) }
  let metadataUrl = resource === undefined ? undefined : resourceMetadataUrl(resource).href
  const { authenticate, ready, health, close } = createAuthenticator(guardOptions, {
    issuerUnavailable: onError,
    issuerRefused: onError,
  })
  /** The tokens of requests that this guard has authenticated. Another guard on the route may require another audience. */
  const tokens = new WeakMap<object, Token>()

  async function identify({ request, url, headers, body }: GuardedRequest): Promise<Token> {
    const authenticated = tokens.get(request)
    if (authenticated) return authenticated
    const token = await authenticate(bearerText({ headers, query: queryOf(url), body }))
    assertToken(token)
    tokens.set(request, token)
    return token
  }

  async function runCheck(guarded: GuardedRequest, requirement: ScopeRequirement): Promise<CheckResult> {
    try {
      const token = await identify(guarded)
      assertScopes(token, requirement)
      return { token }
    } catch (error) {
      if (!(error instanceof PosternError) || error.status >= 500) onError(error)
      return { error: toErrorResponse(error, { metadataUrl, scopes: requirement.scopes }) }
    }
  }

  const check = (requirement: ScopeRequirement) => toCheck(guarded => runCheck(guarded, requirement))
  return {
    checkScopes: (...all) => check(allOf(all)),
    checkAnyScope: (...any) => check(anyOf(any)),
    requireToken: () => check(ANY_TOKEN),
    protectedResource: (given?: OwnResourceOptions) => {
      const description = describeOwnResource(known, given)
      metadataUrl = description.url.href
      return toHandler(createMetadataResponder(description))
    },
    ready,
    health,
    close,
  }
}

function queryOf(url: string): object | undefined {
  const start = url.indexOf('?')
  return start < 0 ? undefined : Object.fromEntries(new URLSearchParams(url.slice(start)))
}
