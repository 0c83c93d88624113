import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { type GuardRegistration, kGuard } from './guard-registration.ts'
import { describeOwnResource, type OwnResourceOptions } from './own-resource.ts'
import { METADATA_HEADERS } from './resource.ts'

/** The key under which an application stores the URL of its metadata; child instances inherit it. */
const kResourceMetadata = Symbol('postern.resourceMetadata')

interface NamedResource {
  url: string
  /** Whether the application may replace it by a resource of its own. */
  isDefault: boolean
}

/**
 * Makes the guard's 401 and 403 name the URL of the resource's metadata (RFC 9728 §5.1).
 * @param url the URL of the metadata
 * @param isDefault whether the application may replace it by a resource of its own
 * @throws TypeError for a second resource
 */
export function nameResource(app: FastifyInstance, url: string, isDefault = false): void {
  const named = Object.hasOwn(app, kResourceMetadata) ? namedResourceOf(app) : undefined
  if (!named) app.decorate(kResourceMetadata, { url, isDefault } satisfies NamedResource)
  else if (!named.isDefault && !isDefault) {
    throw new TypeError(`protectedResource is already registered on this instance, with its metadata at ${named.url}.`)
  } else if (named.isDefault) Object.assign(named, { url, isDefault })
}

const namedResourceOf = (app: object) => (app as { [kResourceMetadata]?: NamedResource })[kResourceMetadata]

const plugin: FastifyPluginAsync<OwnResourceOptions> = async (app, options) => {
  const known = (app as { [kGuard]?: GuardRegistration })[kGuard]?.resource ?? {}
  const { url, metadata } = describeOwnResource(known, options)
  if (app.prefix) {
    throw new TypeError(
      `Register protectedResource at the root, not under ${app.prefix}: the path of its metadata is ${url.pathname}.`,
    )
  }
  nameResource(app, url.href)
  app.get(url.pathname, { schema: schema as never }, async (_request, reply) => {
    reply.headers(METADATA_HEADERS)
    return metadata
  })
}

/**
 * A Fastify plugin that serves the protected resource metadata (RFC 9728) at its well-known path, so that clients learn which
 * issuer to get a token from. The guard's 401 and 403 then name its URL (§5.1). Registered after the guard of a remote issuer, it
 * needs no options: the resource is the guard's audience.
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
