import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify'
import { PosternError } from '../errors.ts'
import { bearerText } from './bearer.ts'
import { insufficientScope, noGuard, notAToken } from './errors.ts'
import { pointToMetadata } from './metadata.ts'
import { type ScopeName, Token } from './token.ts'

/**
 * From a token's text to the token, or an error with its challenge. It answers at once when everything is in memory,
 * and with a promise when something has to be asked.
 */
export type Authenticate = (text: string) => Token | Promise<Token>

/** Where a registered guard keeps its way to authenticate, on the instance and so on every child of it. */
export const kAuthenticate = Symbol('postern.authenticate')
/** What a preHandler made here asks for; the guard writes OpenAPI from it. */
export const kNeeds = Symbol('postern.needs')

export interface Needs {
  mode: 'all' | 'any'
  scopes: readonly string[]
}

export interface ScopeCheck {
  (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction): void
  [kNeeds]: Needs
}

/**
 * A preHandler that lets a request through if its token has all of the scopes; without any, if it has a token at all.
 * It authenticates first if nothing has yet. Answers 401 or 403 as RFC 6750 §3.1 says.
 */
export function checkScopes(...all: ScopeName[]): ScopeCheck {
  return scopeCheck({ mode: 'all', scopes: Object.freeze(all) })
}

/** A preHandler that lets a request through if its token has at least one of the scopes. */
export function checkAnyScope(...any: [ScopeName, ...ScopeName[]]): ScopeCheck {
  if (any.length === 0) throw new TypeError('checkAnyScope needs at least one scope')
  return scopeCheck({ mode: 'any', scopes: Object.freeze(any) })
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
  const known = error instanceof PosternError ? pointToMetadata(error, request) : undefined
  if (known) reply.headers(known.headers)
  done(known ?? error)
}

function identify(request: FastifyRequest): Token | Promise<Token> {
  // Another plugin may keep something of its own under this name.
  if (request.token instanceof Token) return request.token
  const authenticate = (request.server as { [kAuthenticate]?: Authenticate })[kAuthenticate]
  if (!authenticate) throw noGuard()
  return authenticate(bearerText(request as never))
}

function admit(request: FastifyRequest, token: Token, { mode, scopes }: Needs): undefined {
  // An `authenticate` that answers anything else must not let anyone in.
  if (!(token instanceof Token)) throw notAToken()
  request.token = token
  if (scopes.length === 0) return
  const lacking = token.lacks(scopes)
  if (lacking.length === 0 || (mode === 'any' && lacking.length < scopes.length)) return
  throw insufficientScope(mode, scopes, token.scopes, lacking)
}
