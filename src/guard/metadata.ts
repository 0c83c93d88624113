import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { PosternError } from '../errors.ts'

export interface ProtectedResourceOptions {
  /** What tokens for this server are meant for: their `aud`, a URL that begins where the server is found. */
  resource: string
  /** Issuers whose tokens are let in. */
  authorizationServers: readonly string[]
  /** Scopes that its routes ask for; omitted: not said. */
  scopes?: readonly string[] | undefined
  /** For people. */
  name?: string | undefined
  /** URL of the documentation for developers. */
  documentation?: string | undefined
}

/** Where a server that described itself keeps the URL of the description, on the instance and so on every child of it. */
const kResourceMetadata = Symbol('postern.resourceMetadata')

const WELL_KNOWN = '/.well-known/oauth-protected-resource'
const LIFETIME_SECONDS = 300

/**
 * Where the metadata of a resource stands: the well-known path goes between the host and the path (RFC 9728 §3.1).
 * @throws TypeError for what is no http or https URL, or has a fragment
 */
export function resourceMetadataUrl(resource: string): URL {
  const url = URL.parse(resource)
  if (!url || !/^https?:$/.test(url.protocol) || resource.includes('#')) {
    throw new TypeError(`A protected resource is named by an http or https URL without a fragment, not "${resource}"`)
  }
  return new URL(WELL_KNOWN + url.pathname.replace(/^\/$/, '') + url.search, url)
}

/** From here on the guard's 401 says where the resource's metadata stands. */
export function nameResource(app: object, resource: string): void {
  Object.assign(app, { [kResourceMetadata]: resourceMetadataUrl(resource).href })
}

const plugin: FastifyPluginAsync<ProtectedResourceOptions> = async (app, options) => {
  const url = resourceMetadataUrl(options.resource)
  if (app.prefix) {
    throw new TypeError(`${url.pathname} stands at the root: register protectedResource there, not under ${app.prefix}`)
  }
  const metadata = describe(options)
  nameResource(app, options.resource)
  app.get(url.pathname, { schema: schema as never }, async (_request, reply) => {
    reply.header('cache-control', `public, max-age=${LIFETIME_SECONDS}`)
    return metadata
  })
}

/**
 * Says where tokens for this server are to be had (RFC 9728), at its well-known place; from then on the guard's 401
 * names that place too.
 */
export const protectedResource = fp(plugin, { name: 'postern-protected-resource', fastify: '5.x' })

function describe({ resource, authorizationServers, scopes, name, documentation }: ProtectedResourceOptions) {
  return {
    resource,
    authorization_servers: authorizationServers,
    ...(scopes && { scopes_supported: scopes }),
    bearer_methods_supported: ['header'],
    ...(name !== undefined && { resource_name: name }),
    ...(documentation !== undefined && { resource_documentation: documentation }),
  }
}

/** Plain JSON Schema, so that it stands in any application's document. */
const schema = {
  operationId: 'getProtectedResourceMetadata',
  summary: 'Where to get a token for this server',
  description: 'Protected resource metadata (RFC 9728).',
  tags: ['OAuth'],
  security: [],
  response: {
    200: {
      description: 'The metadata',
      type: 'object',
      properties: {
        resource: { type: 'string' },
        authorization_servers: { type: 'array', items: { type: 'string' } },
        scopes_supported: { type: 'array', items: { type: 'string' } },
        bearer_methods_supported: { type: 'array', items: { type: 'string' } },
        resource_name: { type: 'string' },
        resource_documentation: { type: 'string' },
      },
      required: ['resource', 'authorization_servers', 'bearer_methods_supported'],
      examples: [
        {
          resource: 'https://api.example.com',
          authorization_servers: ['https://auth.example.com'],
          scopes_supported: ['orders:read'],
          bearer_methods_supported: ['header'],
        },
      ],
    },
  },
}

/** The error with the URL of the metadata in its challenge (RFC 9728 §5.1), where the server described itself. */
export function pointToMetadata(error: PosternError, { server }: FastifyRequest): PosternError {
  const url = (server as { [kResourceMetadata]?: string })[kResourceMetadata]
  const challenge = error.headers['www-authenticate']
  if (error.status !== 401 || url === undefined || !challenge?.startsWith('Bearer')) return error
  const { status, code, message: detail, headers, extra, cause } = error
  const pointed = { ...headers, 'www-authenticate': `${challenge}, resource_metadata="${url}"` }
  return new PosternError({ status, code, detail, headers: pointed, extra, cause })
}
