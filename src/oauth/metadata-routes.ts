import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { Type } from 'typebox'
import { IMPORTED_FORMATS } from '../../packages/guard/src/imported-text.ts'
import { protectedResource } from '../../packages/guard/src/metadata.ts'
import { resourceMetadataUrl } from '../../packages/guard/src/resource.ts'
import { Named } from '../http/schemas.ts'
import { publicScopes } from '../scopes/requested.ts'
import { describeServer, type HasRoute, type MetadataOptions } from './metadata.ts'

const WELL_KNOWN = '/.well-known/oauth-authorization-server'
const LIFETIME_SECONDS = 300

const Uri = (example: string) => Type.Optional(Type.String({ examples: [`https://auth.example.com${example}`] }))
const List = (...examples: string[]) => Type.Array(Type.String(), { examples: [examples] })
const Names = (...examples: string[]) => Type.Optional(List(...examples))

const Metadata = Named(
  'ServerMetadata',
  Type.Object({
    issuer: Type.String({ examples: ['https://auth.example.com'] }),
    authorization_endpoint: Uri('/oauth/authorize'),
    response_types_supported: List('code'),
    response_modes_supported: Names('query'),
    code_challenge_methods_supported: Names('S256'),
    authorization_response_iss_parameter_supported: Type.Optional(Type.Boolean({ examples: [true] })),
    client_id_metadata_document_supported: Type.Boolean({
      description:
        'Whether a `client_id` may be the URL of a metadata document (draft-ietf-oauth-client-id-metadata-document)',
      examples: [true],
    }),
    pushed_authorization_request_endpoint: Uri('/oauth/par'),
    token_endpoint: Uri('/oauth/token'),
    grant_types_supported: List('authorization_code', 'refresh_token'),
    token_endpoint_auth_methods_supported: Names('client_secret_basic', 'none'),
    token_endpoint_auth_signing_alg_values_supported: Names('ES256'),
    device_authorization_endpoint: Uri('/oauth/device_authorization'),
    introspection_endpoint: Uri('/oauth/introspect'),
    introspection_endpoint_auth_methods_supported: Names('client_secret_basic'),
    introspection_endpoint_auth_signing_alg_values_supported: Names('ES256'),
    introspection_signing_alg_values_supported: Names('ES256'),
    revocation_endpoint: Uri('/oauth/revoke'),
    revocation_endpoint_auth_methods_supported: Names('client_secret_basic', 'none'),
    revocation_endpoint_auth_signing_alg_values_supported: Names('ES256'),
    registration_endpoint: Uri('/oauth/register'),
    status_list_aggregation_endpoint: Uri('/oauth/status-lists'),
    status_events_endpoint: Uri('/oauth/events'),
    token_usage_endpoint: Uri('/oauth/usage'),
    lost_revocations_endpoint: Uri('/oauth/lost-revocations'),
    jwks_uri: Uri('/.well-known/jwks.json'),
    scopes_supported: List('orders:read'),
    protected_resources: Type.Array(Type.String(), {
      description: 'RFC 9728 §4',
      examples: [['https://api.example.com']],
    }),
    deployment_audience: Type.Optional(
      Type.String({
        description:
          'The `aud` of tokens that name no resource. Every registered API accepts it beside its own audience. Absent with `REQUIRE_RESOURCE=on`',
        examples: ['https://auth.example.com'],
      }),
    ),
    token_prefix: Type.String({ description: 'The prefix of opaque tokens', examples: ['post_'] }),
    imported_token_formats: Type.Optional(
      Type.Array(Type.Enum([...IMPORTED_FORMATS]), {
        description:
          'Formats of tokens that were imported from another system. A resource server introspects such texts, once each. Absent without imported tokens',
        examples: [['opaque']],
      }),
    ),
    previous_issuers: Type.Optional(
      Type.Array(Type.String(), {
        description:
          'Earlier identifiers of this issuer (`ISSUER_PREVIOUS`). Their tokens, signed with the same keys, are still accepted',
        examples: [['https://old.example.com']],
      }),
    ),
    service_documentation: Uri('/docs'),
  }),
)

/**
 * Routes of the authorization server metadata (RFC 8414 §3). The path of the issuer follows the well-known path, or precedes
 * it if only requests below the issuer's path reach the server.
 */
export function metadataRoutes(options: MetadataOptions): FastifyPluginAsyncTypebox {
  const { issuer } = options.config
  return async app => {
    const has = routesBelow(app, pathOf(issuer))
    for (const url of serverPaths(issuer)) {
      app.get(
        url,
        {
          schema: {
            operationId: url === WELL_KNOWN ? 'getServerMetadata' : 'getServerMetadataOfIssuer',
            summary: 'Get the metadata of this server',
            description: 'Authorization server metadata (RFC 8414). It lists only what this server supports.',
            tags: ['OAuth'],
            response: { 200: Metadata },
          },
        },
        async (_request, reply) => {
          reply.header('cache-control', `public, max-age=${LIFETIME_SECONDS}`)
          return describeServer(options, has) as never
        },
      )
    }
  }
}

const pathOf = (issuer: string) => new URL(issuer).pathname.replace(/\/$/, '')
const serverPaths = (issuer: string) => [...new Set([WELL_KNOWN, WELL_KNOWN + pathOf(issuer)])]

/** The routes may be mounted under the issuer's path as a prefix, or a proxy may remove that path. */
function routesBelow(app: FastifyInstance, issuerPath: string): HasRoute {
  const prefixes = [...new Set([app.prefix, issuerPath])]
  return (method, path) => prefixes.some(prefix => app.hasRoute({ method, url: prefix + path }))
}

/** The server's own API as a protected resource, if its audience is a URI on the issuer's host. */
export function ownResource({
  issuer,
  audience,
}: Pick<MetadataOptions['config'], 'issuer' | 'audience'>): string | undefined {
  return URL.parse(audience)?.origin === new URL(issuer).origin ? audience : undefined
}

/** The paths of `wellKnown`. */
export function wellKnownPaths(config: MetadataOptions['config']): string[] {
  const resource = ownResource(config)
  return [...serverPaths(config.issuer), ...(resource ? [resourceMetadataUrl(resource).pathname] : [])]
}

/**
 * Routes at the root of the host: the metadata of this server, and that of its own API as a protected resource (RFC 9728
 * §3).
 */
export function wellKnown(options: MetadataOptions): FastifyPluginAsyncTypebox {
  const { issuer } = options.config
  const resource = ownResource(options.config)
  const plugin: FastifyPluginAsyncTypebox = async app => {
    await app.register(metadataRoutes(options))
    if (!resource) return
    await app.register(protectedResource, {
      resource,
      authorizationServers: [issuer],
      scopes: publicScopes(options.catalogue),
      documentation: `${issuer}/docs`,
    })
  }
  return fp(plugin, { name: 'postern-well-known' })
}
