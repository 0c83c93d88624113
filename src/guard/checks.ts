import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify'
import { bearerText } from './bearer.ts'
import { insufficientScope, noGuard } from './errors.ts'
import type { ScopeName, Token } from './token.ts'

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
  const check = (request: FastifyRequest, _reply: FastifyReply, done: HookHandlerDoneFunction) => {
    try {
      const token = identify(request)
      if (token instanceof Promise) token.then(t => admit(request, t, needs)).then(() => done(), done)
      else done(admit(request, token, needs))
    } catch (error) {
      done(error as Error)
    }
  }
  return Object.assign(check, { [kNeeds]: needs })
}

function identify(request: FastifyRequest): Token | Promise<Token> {
  if (request.token) return request.token
  const authenticate = (request.server as { [kAuthenticate]?: Authenticate })[kAuthenticate]
  if (!authenticate) throw noGuard()
  return authenticate(bearerText(request as never))
}

function admit(request: FastifyRequest, token: Token, { mode, scopes }: Needs): undefined {
  request.token = token
  if (scopes.length === 0) return
  const lacking = token.lacks(scopes)
  if (lacking.length === 0 || (mode === 'any' && lacking.length < scopes.length)) return
  throw insufficientScope(mode, scopes, token.scopes, lacking)
}
