import swagger from '@fastify/swagger'
import swaggerUi, { type FastifySwaggerUiOptions } from '@fastify/swagger-ui'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import packageJson from '../../package.json' with { type: 'json' }
import { BEARER, bearerScheme } from '../../packages/guard/src/openapi.ts'
import { complete, type Document, withoutOAuth, withoutScopes } from './document.ts'
import { CLIENT_BASIC, OAUTH } from './schemas.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Scopes that the explorer does not offer to the person of this request. */
    hiddenScopes: readonly string[] | undefined
  }
}

export interface OpenapiOptions {
  /** The public URL of the server, with or without the prefix that the routes are mounted under. */
  issuer: string
  scopes: readonly { id: string; description: string }[]
  explorer: {
    /** The public client that users authorize in the explorer. */
    clientId: string
    /** Creates that client if needed, and registers this redirect URI. */
    ensure(redirectUri: string): Promise<void>
    theme: NonNullable<FastifySwaggerUiOptions['theme']>
    /** Says, before a link to the document, that the explorer needs JavaScript. */
    withoutScript: string
    /** Scopes that are chosen when a user opens the dialog to authorize. */
    preselected: readonly string[]
    /** Scopes that the person of a request cannot get, which are not offered. */
    hiddenScopes(request: FastifyRequest): Promise<readonly string[]>
  }
}

const description = `Issue and verify personal access tokens.

1. Choose **Authorize**: sign in and authorize the explorer, or paste a token. \`POST /api/tokens\` with e-mail address and password issues one; its plain text is shown once.
2. Try the routes below. Each route lists the scopes that it requires; \`GET /scopes\` lists all scopes.`

/** RFC 6749 §2.3.1. */
const clientScheme = {
  type: 'http',
  scheme: 'basic',
  description: 'Id and secret of a client, each form-encoded.',
} as const

/** The authorization code flow of the explorer (RFC 6749 §4.1, RFC 7636). @param root the URL that the routes are below */
const oauthScheme = (root: string, scopes: OpenapiOptions['scopes']) => ({
  type: 'oauth2' as const,
  description: 'Sign in and authorize the explorer to use a token with these scopes for one hour.',
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
  { name: 'Service accounts', description: 'Owners of tokens that are no people, for those who look after them' },
  { name: 'OAuth', description: 'The protocol: RFC 6749 and its extensions' },
  { name: 'Applications', description: 'Applications you registered, and those you authorized' },
  { name: 'Administration', description: 'Users, tokens, keys and the audit log of the deployment' },
  { name: 'Revocation', description: 'The status of tokens, for resource servers that verify them offline' },
  { name: 'Scopes', description: 'Permissions that tokens may have' },
  { name: 'Keys', description: 'The public keys that tokens are verified with' },
  { name: 'Health', description: 'Probes for the process manager or load balancer' },
]

/** Content security policy: all resources come from this server; no validator, fonts or frames. */
const PAGE_POLICY = {
  'default-src': ["'none'"],
  'base-uri': ["'none'"],
  'connect-src': ["'self'"],
  'form-action': ["'none'"],
  'frame-ancestors': ["'none'"],
  'img-src': ["'self'", 'data:'],
  'script-src': ["'self'"],
  // The explorer sets the size of an image by an inline style.
  'style-src': ["'self'", "'unsafe-inline'"],
}

/** Generates an OpenAPI 3.1 document of the routes that are registered after it, and serves the explorer at /docs. */
export const openapi = fp(async (app: FastifyInstance, { issuer, scopes, explorer }: OpenapiOptions) => {
  const root = withoutPrefix(issuer, app.prefix)
  const mountUrl = root + app.prefix
  /** The path that the server is mounted at, as browsers see it. */
  const base = new URL(root).pathname.replace(/\/$/, '') + app.prefix
  app.addHook('onReady', () => explorer.ensure(`${mountUrl}/docs/static/oauth2-redirect.html`))
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
          [OAUTH]: oauthScheme(mountUrl, scopes),
          [CLIENT_BASIC]: clientScheme,
        },
      },
    },
    // It would strip `/a` from `/api` for an issuer that ends in `/a`.
    stripBasePath: false,
    transformObject: input => complete(('openapiObject' in input ? input.openapiObject : {}) as Document),
  })
  app.addHook('onRoute', route => {
    if (!route.url.startsWith(`${app.prefix}/docs`)) return
    route.onRequest = [route.onRequest ?? [], allowSignIn].flat()
    if (/\/docs\/?$/.test(route.url))
      route.onSend = [route.onSend ?? [], completePage(explorer.withoutScript, `${base}/docs/json`)].flat()
  })
  app.decorateRequest('hiddenScopes', undefined)
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    indexPrefix: base,
    staticCSP: PAGE_POLICY,
    theme: explorer.theme,
    initOAuth: {
      clientId: explorer.clientId,
      usePkceWithAuthorizationCodeGrant: true,
      scopes: explorer.preselected.filter(id => scopes.some(scope => scope.id === id)),
    },
    uiHooks: {
      preHandler: async (request, reply) => {
        // Only the document depends on who asks, not the files of the page.
        if (!/\/(json|yaml)$/.test(request.routeOptions.url ?? '')) return
        request.hiddenScopes = await explorer.hiddenScopes(request)
        reply.header('vary', 'cookie')
      },
    },
    uiConfig: { layout: 'BaseLayout', displayRequestDuration: true, tryItOutEnabled: true, docExpansion: 'list' },
    transformSpecification: (document, request) =>
      forHost(withoutScopes(document as Document, request.hiddenScopes ?? []), request, new URL(root).host),
    transformSpecificationClone: false,
  })
})

/**
 * Relaxes the opener policy for the explorer: it opens the sign-in page in a popup, and the redirect page in the popup sends
 * the response to its opener. The pages in between have no opener policy.
 */
function allowSignIn({ url }: FastifyRequest, reply: FastifyReply, done: () => void): void {
  const isRedirectPage = url.split('?', 1)[0]!.endsWith('/oauth2-redirect.html')
  reply.header('cross-origin-opener-policy', isRedirectPage ? 'unsafe-none' : 'same-origin-allow-popups')
  done()
}

/** Makes the page of the library fit a phone, and useful without JavaScript. */
const completePage =
  (withoutScript: string, documentUrl: string) =>
  (_request: unknown, reply: FastifyReply, payload: unknown, done: (error: null, payload: unknown) => void): void => {
    if (typeof payload !== 'string' || !/html/.test(String(reply.getHeader('content-type'))))
      return void done(null, payload)
    const note = `<noscript><p>${withoutScript} <a href="${documentUrl}">openapi.json</a></p></noscript>`
    const page = payload
      .replace('<title>', '<meta name="viewport" content="width=device-width, initial-scale=1">\n      <title>')
      .replace('<div id="swagger-ui"></div>', `${note}\n      <div id="swagger-ui"></div>`)
    reply.removeHeader('content-length')
    done(null, page)
  }

function withoutPrefix(issuer: string, prefix: string): string {
  return issuer.endsWith(prefix) ? issuer.slice(0, issuer.length - prefix.length) : issuer
}

/**
 * Adapts the document to the host of the request. On another host or port than the issuer's, the explorer sends requests to
 * the same origin, and without OAuth, whose response would go to the issuer: users paste a token instead.
 */
function forHost(document: Document, { host, url }: FastifyRequest, issuerHost: string): Document {
  if (host === issuerHost) return document
  const depth = url.split('?', 1)[0]!.split('/').length - 2
  return { ...withoutOAuth(document), servers: [{ url: '../'.repeat(depth), description: 'This server' }] }
}
