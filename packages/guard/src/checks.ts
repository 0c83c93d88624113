import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify'
import { noGuard } from './errors.ts'
import { resourceMetadataOf } from './metadata.ts'
import { ANY_TOKEN, allOf, anyOf, assertToken, type Needs, requireScopes } from './needs.ts'
import { PosternError } from './postern-error.ts'
import { pointToMetadata } from './refusal.ts'
import { type ScopeName, Token } from './token.ts'

/** From a request to the token it came with. @throws an error with its challenge */
export type Identify = (request: FastifyRequest) => Token | Promise<Token>

/** Where a registered guard keeps its way to identify, on the instance and so on every child of it. */
export const kIdentify = Symbol('postern.identify')
/** What a preHandler made here asks for; the guard writes OpenAPI from it. */
export const kNeeds = Symbol('postern.needs')

export interface ScopeCheck {
  (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction): void
  [kNeeds]: Needs
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

function scopeCheck(needs: Needs): ScopeCheck {
  const check = (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction) => {
    try {
      const found = identify(request)
      if (found instanceof Token) done(admit(request, found, needs))
      else
        Promise.resolve(found)
          .then(token => admit(request, token, needs))
          .then(
            () => done(),
            error => refuse(error, request, reply, done),
          )
    } catch (error) {
      refuse(error as Error, request, reply, done)
    }
  }
  return Object.assign(check, { [kNeeds]: needs })
}

/** The challenge is set here too: an application's own error handler seldom looks at the headers of an error. */
function refuse(error: Error, request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction): void {
  const known = error instanceof PosternError ? pointToMetadata(error, resourceMetadataOf(request)) : undefined
  if (known) reply.headers(known.headers)
  done(known ?? error)
}

function identify(request: FastifyRequest): Token | Promise<Token> {
  // Another plugin may keep something of its own under this name.
  if (request.token instanceof Token) return request.token
  const how = (request.server as { [kIdentify]?: Identify })[kIdentify]
  if (!how) throw noGuard()
  return how(request)
}

function admit(request: FastifyRequest, token: Token, needs: Needs): undefined {
  assertToken(token)
  request.token = token
  requireScopes(token, needs)
}
