import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify'
import { completeChallenge } from './error-response.ts'
import { guardNotRegistered } from './errors.ts'
import { type GuardRegistration, kGuard } from './guard-registration.ts'
import { resourceMetadataOf } from './metadata.ts'
import { PosternError } from './postern-error.ts'
import { ANY_TOKEN, allOf, anyOf, assertScopes, assertToken, type ScopeRequirement } from './requirements.ts'
import { type ScopeName, Token } from './token.ts'

/** The key of the scopes that a preHandler requires; the guard writes them into the OpenAPI document. */
export const kRequirement = Symbol('postern.requirement')

/** The key of the scopes of all checks of a route, in its `config`. */
export const kRouteScopes = Symbol('postern.routeScopes')

/** A preHandler for Fastify, made by `checkScopes`, `checkAnyScope` or `requireToken`. */
export interface ScopeCheck {
  (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction): void
  [kRequirement]: ScopeRequirement
}

/**
 * Makes a preHandler that accepts a request whose token has all of the scopes. It authenticates the request unless an
 * earlier preHandler did. Fails with 401 or 403 and the challenge of RFC 6750 §3.1, or with 503 while the issuer cannot be
 * reached.
 * @throws TypeError without a scope
 * @example app.get('/orders', { preHandler: checkScopes('orders:read') }, async request => ({ of: tokenOf(request).userId }))
 */
export function checkScopes(...all: [ScopeName, ...ScopeName[]]): ScopeCheck {
  return scopeCheck(allOf(all))
}

/**
 * Makes a preHandler that accepts a request with any valid token, whatever its scopes. Fails as `checkScopes` does.
 * @example app.get('/me', { preHandler: requireToken() }, async request => ({ id: tokenOf(request).userId }))
 */
export function requireToken(): ScopeCheck {
  return scopeCheck(ANY_TOKEN)
}

/**
 * Makes a preHandler that accepts a request whose token has at least one of the scopes. Fails as `checkScopes` does.
 * @throws TypeError without a scope
 * @example app.get('/orders', { preHandler: checkAnyScope('orders:read', 'support') }, listOrders)
 */
export function checkAnyScope(...any: [ScopeName, ...ScopeName[]]): ScopeCheck {
  return scopeCheck(anyOf(any))
}

function scopeCheck(requirement: ScopeRequirement): ScopeCheck {
  const check = (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction) => {
    try {
      const result = identify(request)
      if (result instanceof Token) done(assertRequirement(request, result, requirement))
      else
        Promise.resolve(result)
          .then(token => assertRequirement(request, token, requirement))
          .then(
            () => done(),
            error => refuse(error, request, reply, done, requirement),
          )
    } catch (error) {
      refuse(error as Error, request, reply, done, requirement)
    }
  }
  return Object.assign(check, { [kRequirement]: requirement })
}

/** Sets the challenge on the reply too, since an application's own error handler may ignore the headers of an error. */
function refuse(
  error: Error,
  request: FastifyRequest,
  reply: FastifyReply,
  done: HookHandlerDoneFunction,
  requirement: ScopeRequirement,
): void {
  const context = { metadataUrl: resourceMetadataOf(request), scopes: scopesOf(request, requirement) }
  const mapped = error instanceof PosternError ? completeChallenge(error, context) : undefined
  if (mapped) reply.headers(mapped.headers)
  done(mapped ?? error)
}

/** Those of all checks of the route, and of this one, which may be a hook of the application. */
function scopesOf({ routeOptions }: FastifyRequest, { scopes }: ScopeRequirement): string[] {
  const config = routeOptions.config as { [kRouteScopes]?: readonly string[] } | undefined
  return [...new Set([...(config?.[kRouteScopes] ?? []), ...scopes])]
}

function identify(request: FastifyRequest): Token | Promise<Token> {
  // Another plugin may use this property for something else.
  if (request.token instanceof Token) return request.token
  const registration = (request.server as { [kGuard]?: GuardRegistration })[kGuard]
  if (!registration) throw guardNotRegistered()
  return registration.identify(request)
}

function assertRequirement(request: FastifyRequest, token: Token, requirement: ScopeRequirement): undefined {
  assertToken(token)
  request.token = token
  assertScopes(token, requirement)
}
