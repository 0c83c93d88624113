import { createAuthenticator } from '../authenticator.ts'
import { bearerText, type Carrier } from '../bearer.ts'
import { ANY_TOKEN, allOf, anyOf, assertToken, type Needs, requireScopes } from '../needs.ts'
import { checkOptions, isFunction, isWebUrl } from '../options.ts'
import { PosternError } from '../postern-error.ts'
import { type Refusal, toRefusal } from '../refusal.ts'
import { resourceMetadataUrl } from '../resource.ts'
import type { Token } from '../token.ts'
import type { AdapterOptions, Checks } from './public.ts'

/** A request in the words of no framework. */
export interface Asked {
  /** The framework's own object, by which a request is known again. */
  request: object
  /** Whatever comes before the query. */
  url: string
  headers: Carrier['headers']
  /** What was read of the body, if anything was. */
  body?: unknown
}

/** What became of a request: it has a token that does, or what to answer in place of the route. */
export type Verdict = { token: Token; refusal?: undefined } | { token?: undefined; refusal: Refusal }

export type Judge = (asked: Asked) => Promise<Verdict>

/** The guard of a framework, from what is the framework's own: how its check asks and answers. */
export function createChecks<Check>(options: AdapterOptions, toCheck: (judge: Judge) => Check): Checks<Check> {
  checkOptions('guard', options, { resource: isWebUrl, onError: isFunction })
  const { resource, onError = console.error, ...how } = options
  const metadataUrl = resource === undefined ? undefined : resourceMetadataUrl(resource).href
  const { authenticate, ready, health, close } = createAuthenticator(how, { away: onError, refused: onError })
  /** Let in by an earlier check on the same route; by this guard, since another may ask for another audience. */
  const known = new WeakMap<object, Token>()

  async function identify({ request, url, headers, body }: Asked): Promise<Token> {
    const before = known.get(request)
    if (before) return before
    const token = await authenticate(bearerText({ headers, query: queryOf(url), body }))
    assertToken(token)
    known.set(request, token)
    return token
  }

  async function judge(asked: Asked, needs: Needs): Promise<Verdict> {
    try {
      const token = await identify(asked)
      requireScopes(token, needs)
      return { token }
    } catch (error) {
      if (!(error instanceof PosternError) || error.status >= 500) onError(error)
      return { refusal: toRefusal(error, metadataUrl) }
    }
  }

  const check = (needs: Needs) => toCheck(asked => judge(asked, needs))
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
