import type { RouteOptions } from 'fastify'
import type { KnownScopes } from './authenticator.ts'
import { kRequirement, kRouteScopes } from './checks.ts'
import type { ScopeRequirement } from './requirements.ts'

/**
 * The name of the security scheme in the `security` of guarded routes. The application's OpenAPI document has to define it.
 * @example
 * await app.register(swagger, { openapi: { components: { securitySchemes: { [BEARER]: bearerScheme } } } })
 */
export const BEARER = 'bearer'

/** The definition of the security scheme `BEARER`, for `components.securitySchemes` of the document (RFC 6750). */
export const bearerScheme = {
  type: 'http',
  scheme: 'bearer',
  description: 'An access token: `Authorization: Bearer <token>`.',
} as const

/**
 * The schema is for one media type only, so that it documents the response but does not serialize the application's own
 * error responses: Fastify omits from a serialized response what its schema does not name.
 */
const problem = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema } },
})

const schema = {
  type: 'object',
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
  },
  additionalProperties: true,
}

/**
 * Adds what a route's checks require to its schema: `security` with the scopes, and the responses 401 and 403. Challenges name
 * all of these scopes.
 */
export function describeGuard(route: RouteOptions): void {
  const requirements = [route.onRequest, route.preValidation, route.preHandler].flat().flatMap(requirementsOf)
  if (requirements.length === 0) return
  const schema = (route.schema ?? {}) as Record<string, unknown> & { response?: Record<string, unknown> }
  const scopes = requirements.flatMap(n => n.scopes)
  route.config = { ...route.config, [kRouteScopes]: scopes } as RouteOptions['config'] & object
  route.schema = {
    ...schema,
    security: schema.security ?? security(requirements),
    response: {
      401: problem('No access token, or one that has expired, was revoked or comes from another issuer'),
      ...(scopes.length > 0 && { 403: problem(`The token lacks a scope: ${describeRequirements(requirements)}`) }),
      ...schema.response,
    },
  } as RouteOptions['schema'] & object
}

/**
 * Returns a hook that stops the start for a route that requires a scope which is not in the catalogue.
 * @throws TypeError that names the route, the scope and the scopes of the catalogue
 */
export const requireKnownScopes = (catalogue: KnownScopes) => (route: RouteOptions) => {
  const requirements = [route.onRequest, route.preValidation, route.preHandler].flat().flatMap(requirementsOf)
  const unknown = requirements.flatMap(n => n.scopes).find(scope => !catalogue.has(scope))
  if (unknown === undefined) return
  const catalogueIds = catalogue.scopes.map(({ id }) => id).join(', ')
  throw new TypeError(
    `${route.method} ${route.url} requires the scope "${unknown}", which is not in the catalogue: ${catalogueIds}.`,
  )
}

/** The scopes of mode `all` form one security requirement; each scope of mode `any` becomes an alternative. */
function security(requirements: ScopeRequirement[]): Record<string, string[]>[] {
  const all = requirements.filter(n => n.mode === 'all').flatMap(n => n.scopes)
  const any = requirements.filter(n => n.mode === 'any')
  const choices = any.reduce<string[][]>((sets, n) => sets.flatMap(set => n.scopes.map(s => [...set, s])), [all])
  return choices.map(set => ({ [BEARER]: [...new Set(set)] }))
}

function describeRequirements(requirements: ScopeRequirement[]): string {
  return requirements
    .filter(n => n.scopes.length > 0)
    .map(n => (n.scopes.length === 1 ? n.scopes[0] : `${n.mode} of ${n.scopes.join(', ')}`))
    .join('; ')
}

function requirementsOf(hook: unknown): ScopeRequirement[] {
  const requirement = (hook as { [kRequirement]?: ScopeRequirement } | undefined)?.[kRequirement]
  return requirement ? [requirement] : []
}
