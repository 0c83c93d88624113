import type { RouteOptions } from 'fastify'
import type { KnownScopes } from './authenticator.ts'
import { kRequirement } from './checks.ts'
import type { ScopeRequirement } from './requirements.ts'

/** The security scheme that guarded routes name; the application's OpenAPI document defines it. */
export const BEARER = 'bearer'

/** For `components.securitySchemes` of the document. */
export const bearerScheme = {
  type: 'http',
  scheme: 'bearer',
  description: 'An access token: `Authorization: Bearer <token>`.',
} as const

/**
 * For one media type only, so that it stands in the document and no application's own error answers are pressed
 * through it: Fastify drops from a serialized answer what its schema does not name.
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

/** Writes into a route's schema what its checks mean: `security` with the scopes, and the answers 401 and 403. */
export function describeGuard(route: RouteOptions): void {
  const requirements = [route.onRequest, route.preValidation, route.preHandler].flat().flatMap(requirementsOf)
  if (requirements.length === 0) return
  const schema = (route.schema ?? {}) as Record<string, unknown> & { response?: Record<string, unknown> }
  const scopes = requirements.flatMap(n => n.scopes)
  route.schema = {
    ...schema,
    security: schema.security ?? security(requirements),
    response: {
      401: problem('No access token, or one that is expired, revoked or not ours'),
      ...(scopes.length > 0 && { 403: problem(`The token lacks a scope: ${describeRequirements(requirements)}`) }),
      ...schema.response,
    },
  } as RouteOptions['schema'] & object
}

/**
 * Stops the start at a route that asks for a scope which nobody can have.
 * @throws TypeError that names the route, the scope and those there are
 */
export const requireKnownScopes = (catalogue: KnownScopes) => (route: RouteOptions) => {
  const requirements = [route.onRequest, route.preValidation, route.preHandler].flat().flatMap(requirementsOf)
  const unknown = requirements.flatMap(n => n.scopes).find(scope => !catalogue.has(scope))
  if (unknown === undefined) return
  const known = catalogue.scopes.map(({ id }) => id).join(', ')
  throw new TypeError(`${route.method} ${route.url} asks for the scope "${unknown}". The catalogue has ${known}.`)
}

/** All-of scopes stand in one requirement; each of any-of is a requirement of its own. */
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
