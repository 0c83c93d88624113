import type { FastifyInstance, FastifyRequest } from 'fastify'
import { PosternError } from '../errors/errors.ts'

/** The methods that a path has routes for, if the method of the request is not among them: a value of `Allow`. */
export type AllowedMethods = (request: Pick<FastifyRequest, 'method' | 'url'>) => string | undefined

/**
 * Records the methods of all routes that are registered from now on, to tell a wrong method from a wrong path. Routes with a
 * wildcard are left out: they match any path.
 * @example allowed({ method: 'PUT', url: '/api/tokens?limit=1' }) // 'GET, HEAD, POST, DELETE'
 */
export function recordMethods(app: FastifyInstance): AllowedMethods {
  const routes = new Map<string, string[]>()
  app.addHook('onRoute', ({ url, method }) => {
    if (!url.endsWith('*')) routes.set(url, [...(routes.get(url) ?? []), ...[method].flat()])
  })
  return ({ method, url }) => {
    const path = segments(url)
    const methods = new Set([...routes].flatMap(([route, own]) => (matches(route.split('/'), path) ? own : [])))
    return methods.size > 0 && !methods.has(method) ? [...methods].join(', ') : undefined
  }
}

/** Decoded as the router does; it has refused a path that cannot be decoded. */
const segments = (url: string) => decodeURI(url.replace(/[?#].*$/s, '')).split('/')

const matches = (route: string[], path: string[]) =>
  route.length === path.length && route.every((part, i) => part.startsWith(':') || part === path[i])

/**
 * A method that the route does not have (RFC 9110 §15.5.6).
 * @param allow those that it has
 */
export const methodNotAllowed = (allow: string) =>
  new PosternError({
    status: 405,
    code: 'method_not_allowed',
    detail: `The methods of this route are ${allow}.`,
    headers: { allow },
  })
