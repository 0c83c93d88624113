import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { describeResource, type ProtectedResourceOptions, resourceMetadataUrl } from './resource.ts'

/** Where a server that described itself keeps the URL of the description, on the instance and so on every child of it. */
const kResourceMetadata = Symbol('postern.resourceMetadata')

const LIFETIME_SECONDS = 300

/** From here on the guard's 401 says where the resource's metadata stands. */
export function nameResource(app: object, resource: string): void {
  Object.assign(app, { [kResourceMetadata]: resourceMetadataUrl(resource).href })
}

const plugin: FastifyPluginAsync<ProtectedResourceOptions> = async (app, options) => {
  const { url, metadata } = describeResource(options)
  if (app.prefix) {
    throw new TypeError(`${url.pathname} stands at the root: register protectedResource there, not under ${app.prefix}`)
  }
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

/** Where the metadata of the application stands, if it described itself. */
export const resourceMetadataOf = ({ server }: FastifyRequest): string | undefined =>
  (server as { [kResourceMetadata]?: string })[kResourceMetadata]
