import swagger from '@fastify/swagger'
import swaggerUi, { type FastifySwaggerUiOptions } from '@fastify/swagger-ui'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import packageJson from '../../package.json' with { type: 'json' }
import { BEARER, bearerScheme } from '../../packages/guard/src/openapi.ts'
import { complete, type Document, withoutOAuth } from './document.ts'
import { CLIENT_BASIC, OAUTH } from './schemas.ts'

export interface OpenapiOptions {
  /** Where the outside finds the server: a URL, with the prefix that the routes are mounted under or without. */
  issuer: string
  scopes: readonly { id: string; description: string }[]
  explorer: {
    /** The public client that people authorize in the explorer. */
    clientId: string
    /** Makes that client, and lets it take the answer at this URI. */
    ensure(redirectUri: string): Promise<void>
    theme: NonNullable<FastifySwaggerUiOptions['theme']>
  }
}

const description = `Personal access tokens, issued and checked.

1. Choose **Authorize**: sign in and let the explorer in, or paste a token. \`POST /api/tokens\` with e-mail address and password gives one; its plain text is shown once.
2. Try the routes below. A route that needs a scope says so; \`GET /scopes\` lists them all.`

/** RFC 6749 §2.3.1. */
const clientScheme = {
  type: 'http',
  scheme: 'basic',
  description: 'Id and secret of a client, each form-encoded.',
} as const

/** Below the root: sends people to sign in, and trades the code that they come back with (RFC 6749 §4.1, RFC 7636). */
const oauthScheme = (root: string, scopes: OpenapiOptions['scopes']) => ({
  type: 'oauth2' as const,
  description: 'Sign in, and let the explorer have a token with these scopes for an hour.',
  flows: {
    authorizationCode: {
      authorizationUrl: `${root}/oauth/authorize`,
      tokenUrl: `${root}/oauth/token`,
      scopes: Object.fromEntries(scopes.map(({ id, description }) => [id, description])),
    },
  },
})

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
export const openapi = fp(async (app: FastifyInstance, { issuer, scopes, explorer }: OpenapiOptions) => {
  const root = withoutPrefix(issuer, app.prefix)
  const here = root + app.prefix
  app.addHook('onReady', () => explorer.ensure(`${here}/docs/static/oauth2-redirect.html`))
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
      components: {
        securitySchemes: {
          [BEARER]: bearerScheme,
          [OAUTH]: oauthScheme(here, scopes),
          [CLIENT_BASIC]: clientScheme,
        },
      },
    },
    // It would cut `/a` off `/api` for an issuer that ends in `/a`.
    stripBasePath: false,
    transformObject: found => complete(('openapiObject' in found ? found.openapiObject : {}) as Document),
  })
  app.addHook('onRoute', route => {
    if (route.url.startsWith(`${app.prefix}/docs`)) route.onRequest = [route.onRequest ?? [], allowSignIn].flat()
  })
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    indexPrefix: new URL(root).pathname.replace(/\/$/, '') + app.prefix,
    staticCSP: PAGE_POLICY,
    theme: explorer.theme,
    initOAuth: { clientId: explorer.clientId, usePkceWithAuthorizationCodeGrant: true },
    uiConfig: { layout: 'BaseLayout', displayRequestDuration: true, tryItOutEnabled: true, docExpansion: 'list' },
    transformSpecification: (document, request) => fromHere(document as Document, request, new URL(root).host),
    transformSpecificationClone: false,
  })
})

/**
 * The explorer opens the sign-in page in a popup, and the page that takes the answer speaks to its opener. Neither may be
 * cut off: the pages in between have no opener policy.
 */
function allowSignIn({ url }: FastifyRequest, reply: FastifyReply, done: () => void): void {
  const takesAnswer = url.split('?', 1)[0]!.endsWith('/oauth2-redirect.html')
  reply.header('cross-origin-opener-policy', takesAnswer ? 'unsafe-none' : 'same-origin-allow-popups')
  done()
}

function withoutPrefix(issuer: string, prefix: string): string {
  return issuer.endsWith(prefix) ? issuer.slice(0, issuer.length - prefix.length) : issuer
}

/**
 * Whoever came by another name or port than the issuer's tries the routes out there, not across origins, and with a token
 * of their own: the answer to the explorer goes to the issuer.
 */
function fromHere(document: Document, { host, url }: FastifyRequest, issuerHost: string): Document {
  if (host === issuerHost) return document
  const above = url.split('?', 1)[0]!.split('/').length - 2
  return { ...withoutOAuth(document), servers: [{ url: '../'.repeat(above), description: 'This server' }] }
}
