import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import packageJson from '../../package.json' with { type: 'json' }
import { BEARER, bearerScheme } from '../guard/openapi.ts'
import { CLIENT_BASIC } from './schemas.ts'

/** RFC 6749 §2.3.1. */
const clientScheme = {
  type: 'http',
  scheme: 'basic',
  description: 'Id and secret of a client, each form-encoded.',
} as const

const description = `Personal access tokens, issued and checked.

1. \`POST /api/tokens\` with e-mail address and password gives a token. Its plain text is shown once.
2. Choose **Authorize**, paste it, and try the routes below.
3. A route that needs a scope says so; \`GET /scopes\` lists them all.`

/** Collects the routes that are registered after it into an OpenAPI 3.1 document, and shows it at /docs. */
export const openapi = fp(async (app: FastifyInstance, { url }: { url: string }) => {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Postern',
        version: packageJson.version,
        description,
        license: { name: 'MIT', identifier: 'MIT' },
      },
      servers: [{ url }],
      tags: [
        { name: 'Tokens', description: 'Personal access tokens of the user' },
        { name: 'User', description: 'The user that a token belongs to' },
        { name: 'Administration', description: 'Users, tokens, keys and the audit trail of everybody' },
        { name: 'OAuth', description: 'The protocol: RFC 6749 and its relatives' },
        { name: 'Scopes', description: 'What tokens may be allowed to do' },
        { name: 'Keys', description: 'What tokens are verified with' },
        { name: 'Health', description: 'For whatever runs the process' },
      ],
      components: { securitySchemes: { [BEARER]: bearerScheme, [CLIENT_BASIC]: clientScheme } },
    },
  })
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: true,
    uiConfig: { displayRequestDuration: true, tryItOutEnabled: true, docExpansion: 'list' },
  })
})
