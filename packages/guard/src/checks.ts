import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify'
import { withMetadataChallenge } from './error-response.ts'
import { guardNotRegistered } from './errors.ts'
import { resourceMetadataOf } from './metadata.ts'
import { PosternError } from './postern-error.ts'
import { ANY_TOKEN, allOf, anyOf, assertScopes, assertToken, type ScopeRequirement } from './requirements.ts'
import { type ScopeName, Token } from './token.ts'

/** From a request to the token it came with. @throws an error with its challenge */
export type IdentifyRequest = (request: FastifyRequest) => Token | Promise<Token>

/** Where a registered guard keeps its way to identify, on the instance and so on every child of it. */
export const kIdentify = Symbol('postern.identify')
/** What a preHandler made here asks for; the guard writes OpenAPI from it. */
export const kRequirement = Symbol('postern.needs')

export interface ScopeCheck {
  (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction): void
  [kRequirement]: ScopeRequirement
}

/**
 * A preHandler that lets a request through if its token has all of the scopes. It authenticates first if nothing has
 * yet. Answers 401 or 403 as RFC 6750 §3.1 says.
 * @throws TypeError without any scope
 */
export function checkScopes(...all: [ScopeName, ...ScopeName[]]): ScopeCheck {
  return scopeCheck(allOf(all))
}

/**
 * A preHandler that lets a request through if it has a valid token, whatever the scopes of it.
 * @example app.get('/me', { preHandler: requireToken() }, async ({ token }) => ({ id: token.userId }))
 */
export function requireToken(): ScopeCheck {
  return scopeCheck(ANY_TOKEN)
}

/**
 * A preHandler that lets a request through if its token has at least one of the scopes.
 * @throws TypeError without any scope
 */
export function checkAnyScope(...any: [ScopeName, ...ScopeName[]]): ScopeCheck {
  return scopeCheck(anyOf(any))
}

function scopeCheck(requirement: ScopeRequirement): ScopeCheck {
  const check = (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction) => {
    try {
      const found = identify(request)
      if (found instanceof Token) done(assertRequirement(request, found, requirement))
      else
        Promise.resolve(found)
          .then(token => assertRequirement(request, token, requirement))
          .then(
            () => done(),
            error => refuse(error, request, reply, done),
          )
    } catch (error) {
      refuse(error as Error, request, reply, done)
    }
  }
  return Object.assign(check, { [kRequirement]: requirement })
}

/** The challenge is set here too: an application's own error handler seldom looks at the headers of an error. */
function refuse(error: Error, request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction): void {
  const mapped = error instanceof PosternError ? withMetadataChallenge(error, resourceMetadataOf(request)) : undefined
  if (mapped) reply.headers(mapped.headers)
  done(mapped ?? error)
}

function identify(request: FastifyRequest): Token | Promise<Token> {
  // Another plugin may keep something of its own under this name.
  if (request.token instanceof Token) return request.token
  const identifyRequest = (request.server as { [kIdentify]?: IdentifyRequest })[kIdentify]
  if (!identifyRequest) throw guardNotRegistered()
  return identifyRequest(request)
}

function assertRequirement(request: FastifyRequest, token: Token, requirement: ScopeRequirement): undefined {
  assertToken(token)
  request.token = token
  assertScopes(token, requirement)
}
