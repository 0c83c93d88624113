import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { describeResource, type ProtectedResourceOptions, resourceMetadataUrl } from './resource.ts'

/** The key under which an application stores the URL of its metadata; child instances inherit it. */
const kResourceMetadata = Symbol('postern.resourceMetadata')

const LIFETIME_SECONDS = 300

interface NamedResource {
  url: string
  /** Whether the application may replace it by a resource of its own. */
  isDefault: boolean
}

/**
 * Makes the guard's 401 name the URL of the resource's metadata (RFC 9728 §5.1).
 * @param isDefault whether the application may replace it by a resource of its own
 * @throws TypeError for a second resource
 */
export function nameResource(app: FastifyInstance, resource: string, isDefault = false): void {
  const { href: url } = resourceMetadataUrl(resource)
  const named = Object.hasOwn(app, kResourceMetadata) ? namedResourceOf(app) : undefined
  if (!named) app.decorate(kResourceMetadata, { url, isDefault } satisfies NamedResource)
  else if (!named.isDefault && !isDefault) {
    throw new TypeError(`protectedResource is already registered on this instance, with its metadata at ${named.url}.`)
  } else if (named.isDefault) Object.assign(named, { url, isDefault })
}

const namedResourceOf = (app: object) => (app as { [kResourceMetadata]?: NamedResource })[kResourceMetadata]

const plugin: FastifyPluginAsync<ProtectedResourceOptions> = async (app, options) => {
  const { url, metadata } = describeResource(options)
  if (app.prefix) {
    throw new TypeError(
      `Register protectedResource at the root, not under ${app.prefix}: the path of its metadata is ${url.pathname}.`,
    )
  }
  nameResource(app, options.resource)
  app.get(url.pathname, { schema: schema as never }, async (_request, reply) => {
    reply.header('cache-control', `public, max-age=${LIFETIME_SECONDS}`)
    return metadata
  })
}

/**
 * A Fastify plugin that serves the protected resource metadata (RFC 9728) at its well-known path, so that clients learn which
 * issuer to get a token from. The guard's 401 then names its URL (§5.1).
 *
 * Registration fails with a TypeError under a prefix, for a second time, and for an option that is missing, empty or not a URL
 * where one is required.
 * @example
 * await app.register(protectedResource, {
 *   resource: 'https://orders.example.com',
 *   authorizationServers: ['https://id.example.com'],
 * })
 */
export const protectedResource = fp(plugin, { name: 'postern-protected-resource', fastify: '5.x' })

/** Plain JSON Schema, so that it fits the OpenAPI document of any application. */
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

/** The URL of the application's metadata; undefined without `protectedResource`. */
export const resourceMetadataOf = ({ server }: FastifyRequest): string | undefined => namedResourceOf(server)?.url
