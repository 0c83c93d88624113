import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import packageJson from '../../package.json' with { type: 'json' }
import { BEARER, bearerScheme } from '../guard/openapi.ts'
import { complete, type Document } from './document.ts'
import { CLIENT_BASIC } from './schemas.ts'

export interface OpenapiOptions {
  /** Where the outside finds the server: a URL, with the prefix that the routes are mounted under or without. */
  issuer: string
}

const description = `Personal access tokens, issued and checked.

1. \`POST /api/tokens\` with e-mail address and password gives a token. Its plain text is shown once.
2. Choose **Authorize**, paste it, and try the routes below.
3. A route that needs a scope says so; \`GET /scopes\` lists them all.`

/** RFC 6749 §2.3.1. */
const clientScheme = {
  type: 'http',
  scheme: 'basic',
  description: 'Id and secret of a client, each form-encoded.',
} as const

const tags = [
  { name: 'Tokens', description: 'Personal access tokens of the user' },
  { name: 'User', description: 'The user that a token belongs to' },
  { name: 'OAuth', description: 'The protocol: RFC 6749 and its relatives' },
  { name: 'Applications', description: 'Applications you built, and those you let in' },
  { name: 'Administration', description: 'Users, tokens, keys and the audit trail of everybody' },
  { name: 'Revocation', description: 'What became of tokens, for those who check them offline' },
  { name: 'Scopes', description: 'What tokens may be allowed to do' },
  { name: 'Keys', description: 'What tokens are verified with' },
  { name: 'Health', description: 'For whatever runs the process' },
]

/** Everything comes from this server: no validator, no fonts, no frames. */
const PAGE_POLICY = {
  'default-src': ["'none'"],
  'base-uri': ["'none'"],
  'connect-src': ["'self'"],
  'form-action': ["'none'"],
  'frame-ancestors': ["'none'"],
  'img-src': ["'self'", 'data:'],
  'script-src': ["'self'"],
  // The explorer sizes one of its pictures so.
  'style-src': ["'self'", "'unsafe-inline'"],
}

/** Collects the routes that are registered after it into an OpenAPI 3.1 document, and shows it at /docs. */
export const openapi = fp(async (app: FastifyInstance, { issuer }: OpenapiOptions) => {
  const root = withoutPrefix(issuer, app.prefix)
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Postern',
        version: packageJson.version,
        description,
        license: { name: 'MIT', identifier: 'MIT' },
      },
      servers: [{ url: root }],
      tags,
      components: { securitySchemes: { [BEARER]: bearerScheme, [CLIENT_BASIC]: clientScheme } },
    },
    // It would cut `/a` off `/api` for an issuer that ends in `/a`.
    stripBasePath: false,
    transformObject: found => complete(('openapiObject' in found ? found.openapiObject : {}) as Document),
  })
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    indexPrefix: new URL(root).pathname.replace(/\/$/, '') + app.prefix,
    staticCSP: PAGE_POLICY,
    theme: { title: 'Postern' },
    uiConfig: { layout: 'BaseLayout', displayRequestDuration: true, tryItOutEnabled: true, docExpansion: 'list' },
    transformSpecification: (document, request) => fromHere(document as Document, request, new URL(root).host),
    transformSpecificationClone: false,
  })
})

function withoutPrefix(issuer: string, prefix: string): string {
  return issuer.endsWith(prefix) ? issuer.slice(0, issuer.length - prefix.length) : issuer
}

/** Whoever came by another name or port than the issuer's tries the routes out there, not across origins. */
function fromHere(document: Document, { host, url }: FastifyRequest, issuerHost: string): Document {
  if (host === issuerHost) return document
  const above = url.split('?', 1)[0]!.split('/').length - 2
  return { ...document, servers: [{ url: '../'.repeat(above), description: 'This server' }] }
}
