import Fastify, { type FastifyInstance, type LightMyRequestResponse, type RouteOptions } from 'fastify'
import t, { type Test } from 'tap'
import { createApp, serverPlugin } from '../../src/app.ts'
import { actingAs, PASSWORD, testApp, testServices } from '../helpers/app.ts'
import { embedded } from '../helpers/embedding.ts'
import { form } from '../helpers/oauth.ts'
import { listening } from '../helpers/raw.ts'

const APP = 'https://app.example.com'
const STRANGER = 'https://stranger.example'
const corsOrigins = [APP, 'http://localhost:5173']
const settings = {
  corsOrigins,
  initialAccessToken: 'i'.repeat(32),
  dcr: 'token' as const,
  metricsToken: 'm'.repeat(32),
}

/** Every route of the server stands in one of these lists. A new one has to be added to one of them. */
const ROUTES = {
  public: [
    '/.well-known/jwks.json',
    '/.well-known/oauth-authorization-server',
    '/.well-known/oauth-protected-resource',
    '/scopes',
    '/oauth/token',
    '/oauth/revoke',
    '/oauth/device_authorization',
    '/oauth/par',
    '/oauth/register',
    '/oauth/register/:id',
    '/oauth/status-lists',
    '/oauth/status-lists/:id',
  ],
  listed: [/^\/api\//],
  none: [
    /^\/admin\//,
    // Confidential clients only, which are no scripts.
    /^\/oauth\/(introspect|events|usage|lost-revocations)$/,
    /^\/oauth\/(authorize|consent)$/,
    /^\/(health\/(live|ready|peer)|metrics)$/,
    /^\/docs(\/.*)?$/,
    // The page for everything else.
    /^\/\*$/,
    /^\/(assets\/.*|logos\/:id|login(\/.*)?|logout|language|confirm(\/.*)?|new-password|forgot-password|reset-password|confirm-email|device|dev\/components|(tokens|service-accounts|account|apps|manage|operations)(\/.*)?)?$/,
  ],
} as const

type Policy = keyof typeof ROUTES

const { app, services } = await testApp(t, settings)
const routes = await routesOf()

async function routesOf(): Promise<{ method: string; url: string }[]> {
  const found: { method: string; url: string }[] = []
  const listing = Fastify()
  listing.addHook('onRoute', ({ method, url }: RouteOptions) => {
    for (const each of [method].flat()) found.push({ method: each, url })
  })
  await listing.register(serverPlugin(await testServices(t, settings)))
  await listing.ready()
  return found
}

const policiesOf = (url: string): Policy[] =>
  (Object.keys(ROUTES) as Policy[]).filter(policy =>
    ROUTES[policy].some(each => (typeof each === 'string' ? each === url : each.test(url))),
  )

/** Asserts what a response to a request from this origin allows. */
function assertAllows(
  t: Test,
  policy: Policy,
  origin: string,
  { headers }: LightMyRequestResponse,
  name: string,
): void {
  t.notOk('access-control-allow-credentials' in headers, `${name} never allows credentials`)
  const allowed = { public: '*', listed: origin === APP ? APP : undefined, none: undefined }[policy]
  t.equal(headers['access-control-allow-origin'], allowed, `${name} for ${origin}`)
  if (policy === 'listed') t.match(headers.vary, /\borigin\b/i, `${name} is cached for each origin`)
  if (policy !== 'listed') t.notMatch(headers.vary ?? '', /\borigin\b/i, name)
}

const withExample = (url: string) =>
  url.replaceAll(/:\w+/g, '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a11').replace('*', 'something')

t.test('every route has one policy', async t => {
  t.ok(routes.length > 60)
  for (const { method, url } of routes)
    t.equal(policiesOf(url).length, 1, `${method} ${url} is in one list of this test`)
})

t.test('every route answers by its policy, and its preflight', async t => {
  for (const { method, url } of routes) {
    if (url === '/oauth/events') continue
    const [policy = 'none'] = policiesOf(url)
    for (const origin of [APP, STRANGER, 'null']) {
      const name = `${method} ${url}`
      const request = { method: method as 'GET', url: withExample(url) }
      assertAllows(t, policy, origin, await app.inject({ ...request, headers: { origin } }), name)
      const preflight = await app.inject({
        ...request,
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': method, 'access-control-request-headers': 'authorization' },
      })
      assertAllows(t, policy, origin, preflight, `preflight of ${name}`)
      const passes = policy === 'public' || (policy === 'listed' && origin === APP)
      t.ok(passes ? preflight.statusCode === 204 : preflight.statusCode >= 400, `preflight of ${name} for ${origin}`)
    }
  }
})

t.test('a preflight is cached a day and allows every header', async t => {
  for (const url of ['/oauth/token', '/api/tokens']) {
    const headers = { origin: APP, 'access-control-request-method': 'POST' }
    const preflight = await app.inject({ method: 'OPTIONS', url, headers })
    t.match(preflight.headers, {
      'access-control-max-age': '86400',
      'access-control-allow-headers': 'Authorization, *',
      'access-control-allow-methods': /\bPOST\b.*\bPATCH\b.*\bDELETE\b/,
    })
    t.equal(preflight.body, '')
  }
  t.equal((await app.inject({ method: 'OPTIONS', url: '/oauth/token' })).statusCode, 405, 'without a method it is none')
})

t.test('a script may read the errors of public routes, and when to try again', async t => {
  const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
  const post = (payload: string, headers: Record<string, string> = FORM, url = '/oauth/token') =>
    app.inject({ method: 'POST', url, headers: { origin: STRANGER, ...headers }, payload })
  const get = (url: string) => app.inject({ url, headers: { origin: STRANGER } })
  const cases: [string, number, LightMyRequestResponse][] = [
    ['a wrong parameter', 400, await post('grant_type=nothing')],
    ['a form that is not UTF-8', 400, await post('grant_type=%ff')],
    ['a wrong client', 401, await post('grant_type=refresh_token', { ...FORM, authorization: 'Basic eDp5' })],
    ['an unknown list', 404, await get('/oauth/status-lists/999999')],
    ['a path below a public one', 404, await get('/oauth/token/more')],
    ['metadata that is not here', 404, await get('/.well-known/openid-configuration')],
    ['a wrong method', 405, await get('/oauth/token')],
    ['a large body', 413, await post(`grant_type=${'x'.repeat(70_000)}`)],
    ['a body of another type', 415, await post('{}', { 'content-type': 'application/json' })],
    ['a path that is not UTF-8', 400, await get('/oauth/status-lists/%ff')],
    ['a long segment', 404, await get(`/oauth/status-lists/${'x'.repeat(500)}`)],
  ]
  for (const [name, status, response] of cases) {
    t.equal(response.statusCode, status, name)
    assertAllows(t, 'public', STRANGER, response, name)
    t.match(response.headers['access-control-expose-headers'], /WWW-Authenticate, Retry-After, RateLimit/, name)
  }
})

t.test('limits and failures of the server can be read too', async t => {
  const client = {
    name: 'TV',
    grantTypes: ['urn:ietf:params:oauth:grant-type:device_code' as const],
    public: true,
  }
  const { client: tv } = await services.clients.create(client)
  const start = () => form(app, '/oauth/device_authorization', { client_id: tv.id }, { origin: STRANGER })
  let response = await start()
  for (let i = 0; i < 300 && response.statusCode === 200; i++) response = await start()
  t.equal(response.statusCode, 429, response.body)
  t.ok(response.headers['retry-after'])
  assertAllows(t, 'public', STRANGER, response, 'a limit')

  const broken = await createApp({
    ...services,
    keys: { ...services.keys, jwks: () => Promise.reject(new Error('broken')) } as typeof services.keys,
    close: async () => {},
  })
  t.teardown(() => broken.close())
  const failure = await broken.inject({ url: '/.well-known/jwks.json', headers: { origin: STRANGER } })
  t.equal(failure.statusCode, 500)
  assertAllows(t, 'public', STRANGER, failure, 'a failure')
})

t.test('the API answers listed origins, errors included', async t => {
  const { headers, user } = await actingAs(services, ['tokens:read'])
  const json = { 'content-type': 'application/json' }
  const login = JSON.stringify({ email: user.email, password: PASSWORD, device_name: 'app' })
  const requests: [number, (origin: string) => Promise<LightMyRequestResponse>][] = [
    [200, origin => app.inject({ url: '/api/tokens', headers: { ...headers, origin } })],
    [201, origin => app.inject({ method: 'POST', url: '/api/tokens', headers: { ...json, origin }, payload: login })],
    [401, origin => app.inject({ url: '/api/user', headers: { origin } })],
    [403, origin => app.inject({ url: '/api/clients', headers: { ...headers, origin } })],
    [404, origin => app.inject({ url: '/api/nothing', headers: { origin } })],
    [
      403,
      origin =>
        app.inject({ method: 'POST', url: '/api/tokens', headers: { ...headers, ...json, origin }, payload: '{}' }),
    ],
    [400, origin => app.inject({ url: '/api/tokens/%ff', headers: { origin } })],
  ]
  for (const [status, send] of requests) {
    for (const origin of [APP, STRANGER]) {
      const response = await send(origin)
      t.equal(response.statusCode, status)
      assertAllows(t, 'listed', origin, response, `a ${status}`)
    }
  }
})

t.test('without CORS_ORIGINS no origin may call the API', async t => {
  const { app } = await testApp(t)
  const { headers } = await app.inject({ url: '/api/user', headers: { origin: APP } })
  t.notOk(headers['access-control-allow-origin'] ?? headers.vary)
})

t.test('another spelling of a path gains nothing', async t => {
  for (const url of ['/%61dmin/users', '/oauth/%61uthorize', '/oauth/token/../authorize', '//oauth/token', '/apix']) {
    const { headers } = await app.inject({ url, headers: { origin: APP } })
    t.equal(headers['access-control-allow-origin'], undefined, url)
  }
})

t.test('what is not HTTP is answered for every origin', async t => {
  const raw = await listening(t, services)
  const { headers } = await raw('nonsense\r\n\r\n')
  t.equal(headers['access-control-allow-origin'], '*')
})

t.test('embedded under a prefix, and at the well-known paths of the root', async t => {
  const issuer = 'https://example.com/auth'
  const postern = await embedded(t, { issuer, audience: issuer, corsOrigins })
  const app: FastifyInstance = Fastify()
  await app.register(postern.plugin, { prefix: '/auth' })
  await app.register(postern.wellKnown)
  t.teardown(() => app.close())
  const policies: [string, Policy][] = [
    ['/.well-known/oauth-authorization-server/auth', 'public'],
    ['/.well-known/oauth-protected-resource/auth', 'public'],
    ['/auth/.well-known/oauth-authorization-server', 'public'],
    ['/auth/.well-known/jwks.json', 'public'],
    ['/auth/scopes', 'public'],
    ['/auth/oauth/token', 'public'],
    ['/auth/oauth/status-lists/999', 'public'],
    ['/auth/api/user', 'listed'],
    ['/auth/admin/users', 'none'],
    ['/auth/oauth/authorize', 'none'],
    ['/auth/login', 'none'],
    ['/oauth/token', 'none'],
  ]
  for (const [url, policy] of policies) {
    for (const origin of [APP, STRANGER]) {
      assertAllows(t, policy, origin, await app.inject({ url, headers: { origin } }), url)
      const headers = { origin, 'access-control-request-method': 'GET' }
      assertAllows(t, policy, origin, await app.inject({ method: 'OPTIONS', url, headers }), `preflight of ${url}`)
    }
  }
})

t.test('an issuer with a path behind a proxy that removes the path', async t => {
  const issuer = 'https://example.com/auth'
  const { app } = await testApp(t, { issuer, audience: issuer })
  for (const url of ['/.well-known/oauth-authorization-server/auth', '/.well-known/oauth-protected-resource/auth']) {
    const response = await app.inject({ url, headers: { origin: STRANGER } })
    t.equal(response.statusCode, 200)
    assertAllows(t, 'public', STRANGER, response, url)
  }
})
