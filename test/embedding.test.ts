import cookie from '@fastify/cookie'
import formbody from '@fastify/formbody'
import helmet from '@fastify/helmet'
import swagger from '@fastify/swagger'
import Fastify, { type FastifyInstance } from 'fastify'
import { buildApp, openPostern, type Postern } from 'postern'
import { checkScopes, guard, tokenOf } from 'postern/guard'
import t from 'tap'
import { PASSWORD } from './helpers/app.ts'
import { embedded } from './helpers/embedding.ts'

const catalogue = [{ id: 'parcels:read', description: 'Track parcels', default: true }]
const postern = await embedded(t, { catalogue, issuer: 'https://parcels.example/auth' })
const { email } = await postern.users.create({ email: 'ada@example.com', name: 'Ada', password: PASSWORD })

/** An application with ways of its own, some of them at odds with ours. */
async function parcels(change: (app: FastifyInstance) => unknown = () => {}): Promise<FastifyInstance> {
  const app = Fastify()
  app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) =>
    reply.code(error.statusCode ?? 500).send({ parcels: error.message }),
  )
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ parcels: 'nothing here' }))
  await change(app)
  await app.register(async child => child.register(postern.plugin, { prefix: '/auth' }))
  await app.register(guard, postern.guard)
  app.get('/parcels', { preHandler: checkScopes('parcels:read') }, async request => ({ of: tokenOf(request).userId }))
  app.get('/broken', async () => {
    throw new Error('no van')
  })
  app.post('/echo', async request => ({ body: request.body }))
  return app
}

async function issue(app: FastifyInstance): Promise<{ authorization: string }> {
  const payload = { email, password: PASSWORD, device_name: 'van', scopes: ['parcels:read', 'user:read'] }
  const issued = await app.inject({ method: 'POST', url: '/auth/api/tokens', payload })
  return { authorization: `Bearer ${issued.json().token}` }
}

t.test('the server works under its prefix, and its tokens open the application’s own routes', async t => {
  const app = await parcels()
  const headers = await issue(app)
  t.match((await app.inject({ url: '/parcels', headers })).json(), { of: /^[0-9a-f-]{36}$/ })
  t.match((await app.inject({ url: '/auth/api/user', headers })).json(), { data: { email } })
  t.match((await app.inject('/auth/scopes')).json()[0], { id: 'parcels:read' })
  t.equal((await app.inject('/scopes')).statusCode, 404, 'and nowhere else')
})

t.test('each keeps its own error answers', async t => {
  const app = await parcels()
  t.strictSame((await app.inject('/broken')).json(), { parcels: 'no van' })
  t.strictSame((await app.inject('/nowhere')).json(), { parcels: 'nothing here' })
  t.match(await app.inject('/parcels'), { statusCode: 401 })
  t.match((await app.inject('/parcels')).json(), { parcels: /Send an access token/ })
  for (const url of ['/auth/nowhere', '/auth/api/user']) {
    const ours = await app.inject(url)
    t.match(ours.headers['content-type'], 'application/problem+json', url)
    t.notOk(ours.json().parcels)
  }
})

t.test('no hook, header or decorator of the server reaches the application', async t => {
  const app = await parcels()
  const own = await app.inject('/broken')
  t.strictSame(Object.keys(own.headers).sort(), ['connection', 'content-length', 'content-type', 'date'])
  t.ok((await app.inject('/auth/scopes')).headers['x-content-type-options'])
  t.notOk(app.hasDecorator('swagger'))
  t.notOk(app.hasRequestDecorator('user'))
  t.equal((await app.inject('/docs')).statusCode, 404)
})

t.test('each reads the bodies it knows', async t => {
  const app = await parcels(a =>
    a.addContentTypeParser('application/xml', { parseAs: 'string' }, (_request, body, done) =>
      done(null, { xml: body }),
    ),
  )
  const send = (url: string, type: string, payload = '<a/>') =>
    app.inject({ method: 'POST', url, headers: { 'content-type': type }, payload })
  t.strictSame((await send('/echo', 'application/xml')).json(), { body: { xml: '<a/>' } })
  t.equal((await send('/auth/api/tokens', 'application/xml')).statusCode, 415)
  t.strictSame((await send('/echo', 'text/plain')).json(), { body: '<a/>' })
  t.equal((await send('/auth/api/tokens', 'text/plain')).statusCode, 415)
  t.equal((await send('/echo', 'application/x-www-form-urlencoded')).statusCode, 415)
  t.match((await send('/auth/oauth/token', 'application/x-www-form-urlencoded', 'a=b')).json(), { error: /./ })
  t.strictSame((await send('/echo', 'application/json', '{"a":"\\u0000"}')).json(), { body: { a: '\0' } })
})

t.test('an application with compilers of its own', async t => {
  const app = await parcels(a => {
    a.setValidatorCompiler(() => () => ({ error: new Error('this validator knows other schemas') }))
    a.setSerializerCompiler(() => () => '"this serializer knows other schemas"')
    a.setReplySerializer(() => '"wrapped"')
    a.addHook('preSerialization', async () => ({ wrapped: true }))
  })
  const headers = await issue(app)
  t.equal((await app.inject('/auth/scopes')).json()[0].id, 'parcels:read')
  t.match((await app.inject({ url: '/auth/api/tokens/current', headers })).json(), { data: { name: 'van' } })
  const payload = { email, password: 'wrong', nmae: 'x' }
  const refused = await app.inject({ method: 'POST', url: '/auth/api/tokens', payload })
  t.match(refused.json(), { status: 422, errors: [{ path: 'nmae' }] })
})

t.test('an application that already has the plugins that the server uses', async t => {
  const app = await parcels(async a => {
    await a.register(helmet, { xFrameOptions: { action: 'deny' } })
    await a.register(cookie)
    await a.register(formbody)
    await a.register(swagger, { openapi: { info: { title: 'Parcels', version: '1' } } })
    a.decorateRequest('user', { getter: () => 'the application’s own' } as never)
    a.get('/me', async request => request.user as never)
  })
  const headers = await issue(app)
  t.match((await app.inject({ url: '/auth/api/user', headers })).json(), { data: { email } })
  t.equal((await app.inject({ url: '/me', headers })).body, 'the application’s own')
  t.equal((await app.inject('/broken')).headers['x-frame-options'], 'DENY')
  t.match((await app.inject('/auth/docs/json')).json().info, { title: 'Postern' })
})

t.test('the application comes first where it says so before any routing', async t => {
  const app = await parcels(a => {
    a.addHook('onRequest', async (request, reply) => {
      if (request.headers['x-full'] !== undefined) return reply.code(429).send({ parcels: 'full' })
    })
  })
  t.equal((await app.inject({ url: '/auth/scopes', headers: { 'x-full': '1' } })).statusCode, 429)
  t.equal((await app.inject('/auth/scopes')).statusCode, 200)
})

t.test('over the network, whatever the path and the size', async t => {
  const app = await parcels()
  const address = await app.listen({ port: 0 })
  t.teardown(() => app.server.close().closeAllConnections())
  const ask = (path: string, init: RequestInit = {}) => fetch(`${address}/auth${path}`, init)
  const issue = (device_name: string) =>
    ask('/api/tokens', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ email, password: PASSWORD, device_name }),
    })
  t.equal((await issue('van')).status, 201)
  t.equal((await issue('x'.repeat(100_000))).status, 413)
  t.equal((await ask(`/${'x'.repeat(1_000)}`)).headers.get('content-type'), 'application/problem+json')
  t.equal((await ask('/scopes', { method: 'HEAD' })).status, 200)
})

t.test('metadata stands at the root, and a refused request is sent there', async t => {
  const app = await parcels(a => a.register(postern.wellKnown))
  const metadata = '/.well-known/oauth-authorization-server/auth'
  t.match((await app.inject(metadata)).json(), {
    issuer: 'https://parcels.example/auth',
    token_endpoint: 'https://parcels.example/auth/oauth/token',
  })
  for (const url of ['/parcels', '/auth/api/user']) {
    const refused = await app.inject(url)
    const at = /resource_metadata="https:\/\/parcels\.example([^"]+)"/.exec(String(refused.headers['www-authenticate']))
    t.match((await app.inject(String(at?.[1]))).json(), { resource: 'https://parcels.example/auth' }, url)
  }
})

t.test('documents show the prefix', async t => {
  const app = await parcels()
  const { paths, servers } = (await app.inject({ url: '/auth/docs/json', headers: { host: 'parcels.example' } })).json()
  t.ok(paths['/auth/api/tokens'])
  t.strictSame(
    Object.keys(paths).filter(path => !path.startsWith('/auth/')),
    [],
  )
  t.strictSame(servers, [{ url: 'https://parcels.example' }])
  const elsewhere = (await app.inject('/auth/docs/json')).json().servers[0].url
  t.equal(new URL(elsewhere, 'http://127.0.0.1:8000/auth/docs/json').href, 'http://127.0.0.1:8000/')
  const page = await app.inject('/auth/docs')
  for (const [, asset] of page.body.matchAll(/(?:href|src)="([^"]+)"/g)) {
    t.equal((await app.inject(asset as string)).statusCode, 200, asset as string)
  }
})

t.test('what is set goes before the environment, and what follows from it follows', async t => {
  const { config, close } = await embedded(t, { catalogue, port: 4100 })
  t.match(config, { issuer: 'http://localhost:4100', audience: 'http://localhost:4100' })
  // At once, while it may still be beginning to listen to other nodes.
  await close()
})

t.test('a bad setting is refused in one line, and leaves nothing open', async t => {
  await t.rejects(openPostern({ ...postern.config, issuer: 'nonsense' }), { name: 'StartupError', message: /^ISSUER / })
  await t.rejects(openPostern({ ...postern.config, accessTokenLifetime: -1 }), {
    name: 'StartupError',
    message: /^ACCESS_TOKEN_LIFETIME must be .*, not -1/,
  })
  await t.rejects(openPostern({ ...postern.config, appKey: 'short' }), { name: 'StartupError', message: /^APP_KEY / })
})

t.test('closing the application ends what the server keeps open, and loses nothing', async t => {
  const mounted = await embedded(t, { catalogue })
  await mounted.users.create({ email, name: 'Ada', password: PASSWORD })
  const app = Fastify()
  await app.register(mounted.plugin, { prefix: '/auth' })
  const feed = await follow(
    await app.listen({ port: 0 }),
    await mounted.clients.create({ name: 'gateway', audience: 'urn:gateway' }),
  )
  t.match(feed.headers.get('content-type'), 'text/event-stream')
  await app.close()
  await t.resolves(feed.text())

  const again = await buildApp({ ...mounted.config, catalogue })
  t.teardown(() => again.close())
  const payload = { email, password: PASSWORD, device_name: 'van', scopes: ['parcels:read', 'user:read'] }
  t.equal((await again.inject({ method: 'POST', url: '/api/tokens', payload })).statusCode, 201)
})

/** Leaves the feed of changes open. */
function follow(address: string, { client, secret }: Awaited<ReturnType<Postern['clients']['create']>>) {
  const authorization = `Basic ${Buffer.from(`${client.id}:${secret}`).toString('base64')}`
  return fetch(`${address}/auth/oauth/events`, { headers: { authorization } })
}

t.test('a prefix that does not fit the issuer stops the start, and one that fits needs no slash', async t => {
  for (const [issuer, prefix] of [
    ['https://parcels.example/auth', '/id'],
    ['https://parcels.example', '/auth'],
  ] as const) {
    const other = await embedded(t, { catalogue, issuer })
    const app = Fastify()
    await t.rejects(async () => void (await app.register(other.plugin, { prefix })), {
      name: 'StartupError',
      message: `prefix ${prefix}`,
    })
  }
  const app = await parcels()
  for (const url of ['/auth', '/auth/']) {
    const { statusCode, headers } = await app.inject({ url, headers: { accept: 'text/html' } })
    t.ok([200, 302, 303].includes(statusCode), `${url} ${statusCode}`)
    t.match(headers.location ?? '/auth/', /^\/auth\//)
  }
})

t.test('a route that asks for a scope which nobody can have stops the start', async t => {
  const app = Fastify()
  await app.register(guard, postern.guard)
  const misspelt = () => app.get('/misspelt', { preHandler: checkScopes('parcels:raed' as never) }, async () => 'never')
  t.throws(misspelt, { name: 'TypeError', message: 'parcels:raed' })
})

t.test('it offers what an application needs, and none of its insides', async t => {
  t.strictSame(Object.keys(postern).sort(), [
    'catalogue',
    'clients',
    'close',
    'config',
    'guard',
    'handler',
    'plugin',
    'tokens',
    'users',
    'wellKnown',
  ])
})
