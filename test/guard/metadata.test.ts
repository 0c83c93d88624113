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
  Token,
} from '../../packages/guard/src/index.ts'
import { createTestIssuer } from '../../packages/guard/src/testing/index.ts'

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
  t.equal(await challenge(app), `Bearer realm="postern", scope="orders:read", resource_metadata="${at}"`)
  t.equal(
    await challenge(app, { authorization: 'Bearer bad' }),
    `Bearer realm="postern", error="invalid_token", error_description="The access token is not known.", scope="orders:read", resource_metadata="${at}"`,
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

t.test('after the guard of a remote issuer it needs no options', async t => {
  const issuer = await createTestIssuer({ audience: 'https://api.example.com/v1' })
  t.teardown(() => issuer.close())
  const app = Fastify()
  await app.register(guard, issuer.guard)
  await app.register(protectedResource)
  t.teardown(() => app.close())
  app.get('/orders', { preHandler: requireToken() }, async () => [])
  const at = `https://api.example.com${PATH}/v1`
  t.equal(await challenge(app), `Bearer realm="postern", resource_metadata="${at}"`)
  const { headers, ...answer } = await app.inject(`${PATH}/v1`)
  t.match(answer.json(), { resource: 'https://api.example.com/v1', authorization_servers: [issuer.url] })
  t.equal(headers['access-control-allow-origin'], '*')
})

t.test('a challenge names the scopes of all checks of the route', async t => {
  const app = Fastify()
  const accepted = new Token({
    id: 'a',
    userId: 'ada',
    clientId: 'b',
    scopes: ['orders:read'],
    expiresAt: new Date(Date.now() + 60_000),
  })
  await app.register(guard, { authenticate: async () => accepted })
  await app.register(protectedResource, { resource: 'https://api.example.com', authorizationServers: [ISSUER] })
  const preHandler = [checkScopes('orders:read'), checkScopes('orders:create', 'orders:read'), checkScopes('reports')]
  app.get('/orders', { preHandler }, async () => [])
  await app.register(async child => {
    child.addHook('preHandler', checkScopes('orders:create'))
    child.get('/hooked', { preHandler: checkScopes('reports') }, async () => [])
  })
  const all = 'scope="orders:read orders:create reports", resource_metadata="https://api.example.com'
  t.match(await challenge(app), `Bearer realm="postern", ${all}`)
  const lacking = String(await challenge(app, { authorization: 'Bearer good' }))
  t.match(
    lacking,
    'error="insufficient_scope", error_description="This needs all of the scopes orders:create, orders:read."',
  )
  t.match(lacking, `, ${all}`)
  const hooked = await app.inject({ url: '/hooked', headers: { authorization: 'Bearer good' } })
  t.match(hooked.headers['www-authenticate'], 'scope="reports orders:create"', 'also of a hook')
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
