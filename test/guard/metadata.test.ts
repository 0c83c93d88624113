import Fastify, { type FastifyInstance } from 'fastify'
import * as oauth from 'oauth4webapi'
import t from 'tap'
import {
  checkScopes,
  guard,
  invalidToken,
  type ProtectedResourceOptions,
  protectedResource,
  requireToken,
} from '../../packages/guard/src/index.ts'

/** APIs that are not ours: they say where tokens for them are to be had. */

const ISSUER = 'https://auth.example.com'
const PATH = '/.well-known/oauth-protected-resource'

async function api(options: Partial<ProtectedResourceOptions> = {}): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(guard, {
    authenticate: () => {
      throw invalidToken('The access token is not known.')
    },
  })
  await app.register(async child => {
    child.get('/orders', { preHandler: checkScopes('orders:read') }, async () => [])
  })
  const resource = 'https://api.example.com'
  await app.register(protectedResource, { resource, authorizationServers: [ISSUER], ...options })
  return app
}

const challenge = async (app: FastifyInstance, headers = {}) =>
  (await app.inject({ url: '/orders', headers })).headers['www-authenticate']

t.test('a 401 says where to read where to get a token', async t => {
  const app = await api({ scopes: ['orders:read'], name: 'Orders', documentation: 'https://docs.example.com' })
  const at = `https://api.example.com${PATH}`
  t.equal(await challenge(app), `Bearer realm="postern", resource_metadata="${at}"`)
  t.equal(
    await challenge(app, { authorization: 'Bearer bad' }),
    `Bearer realm="postern", error="invalid_token", error_description="The access token is not known.", resource_metadata="${at}"`,
  )
  const answer = await app.inject(PATH)
  t.match(answer.headers['cache-control'], 'public')
  t.strictSame(answer.json(), {
    resource: 'https://api.example.com',
    authorization_servers: [ISSUER],
    scopes_supported: ['orders:read'],
    bearer_methods_supported: ['header'],
    resource_name: 'Orders',
    resource_documentation: 'https://docs.example.com',
  })
})

t.test('what is not given is not said', async t => {
  const app = await api()
  t.strictSame(Object.keys((await app.inject(PATH)).json()), [
    'resource',
    'authorization_servers',
    'bearer_methods_supported',
  ])
})

t.test('a client that nobody here wrote finds and believes it', async t => {
  for (const resource of [
    'https://api.example.com/',
    'https://api.example.com/v1',
    'https://api.example.com/v1/?tenant=a',
  ]) {
    const app = await api({ resource })
    const fetched = async (url: string | URL | Request) => {
      const { pathname, search } = new URL(String(url))
      const answer = await app.inject(pathname + search)
      return new Response(answer.body, { status: answer.statusCode, headers: answer.headers as Record<string, string> })
    }
    const response = await oauth.resourceDiscoveryRequest(new URL(resource), { [oauth.customFetch]: fetched as never })
    const metadata = await oauth.processResourceDiscoveryResponse(new URL(resource), response)
    t.strictSame(metadata.authorization_servers, [ISSUER])
    const said = /resource_metadata="([^"]+)"/.exec(String(await challenge(app)))?.[1]
    t.strictSame(await (await fetched(String(said))).json(), { ...metadata }, 'the challenge points to the same')
  }
})

t.test('the error handler of the application changes nothing of it', async t => {
  const app = Fastify()
  app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) =>
    reply.code(error.statusCode ?? 500).send({ reason: error.message }),
  )
  await app.register(protectedResource, { resource: 'https://api.example.com', authorizationServers: [ISSUER] })
  await app.register(guard, {
    authenticate: async () => {
      throw invalidToken('No.')
    },
  })
  app.get('/orders', { preHandler: requireToken() }, async () => [])
  t.match(await challenge(app), 'resource_metadata="')
  t.match(await challenge(app, { authorization: 'Bearer bad' }), 'resource_metadata="')
})

t.test('a mistake shows at the start', async t => {
  const bad = async (resource: string) => {
    const app = Fastify()
    app.register(protectedResource, { resource, authorizationServers: [ISSUER] })
    await app.ready()
  }
  for (const resource of ['api.example.com', 'urn:example:api', 'https://api.example.com/#x', '']) {
    await t.rejects(bad(resource), /http or https URL/, resource)
  }
  const app = Fastify()
  app.register(
    async child => {
      await child.register(protectedResource, { resource: 'https://a.example.com', authorizationServers: [ISSUER] })
    },
    { prefix: '/v1' },
  )
  await t.rejects(Promise.resolve(app.ready()), /Register protectedResource at the root/)
})

t.test('an application is one resource', async t => {
  const app = await api()
  app.register(protectedResource, { resource: 'https://other.example.com/v1', authorizationServers: [ISSUER] })
  await t.rejects(Promise.resolve(app.ready()), { name: 'TypeError', message: /already registered on this instance/ })
})
