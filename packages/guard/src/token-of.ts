import { routeNotGuarded } from './errors.ts'
import { Token } from './token.ts'

/**
 * The verified token of a request, in a handler after a check. The type of `request.token` includes null, since a request of
 * an unguarded route has none.
 * @throws PosternError 500 `route_not_guarded` on a route without a check
 * @example app.get('/me', { preHandler: requireToken() }, async request => ({ id: tokenOf(request).userId }))
 */
export function tokenOf(request: { readonly token?: unknown }): Token {
  if (request.token instanceof Token) return request.token
  throw routeNotGuarded()
}
