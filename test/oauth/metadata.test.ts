import Fastify from 'fastify'
import * as oauth from 'oauth4webapi'
import t from 'tap'
import { serverPlugin } from '../../src/app.ts'
import { wellKnown } from '../../src/oauth/metadata-routes.ts'
import { actingAs, ISSUER, testApp, testServices } from '../helpers/app.ts'
import { basic, form } from '../helpers/oauth.ts'

const PATH = '/.well-known/oauth-authorization-server'

t.test('the metadata of a server', async t => {
  const { app, services } = await testApp(t)
  const answer = await app.inject(PATH)
  const metadata = answer.json()

  t.test('is public and may be kept for a while', async t => {
    t.equal(answer.statusCode, 200)
    t.match(answer.headers['content-type'], 'application/json')
    t.match(answer.headers['cache-control'], /public, max-age=\d+/)
    t.equal((await app.inject({ method: 'POST', url: PATH })).statusCode, 405)
  })

  t.test('is read by a client library of others', async t => {
    const read = await oauth.processDiscoveryResponse(new URL(ISSUER), new Response(answer.body, { status: 200 }))
    t.equal(read.issuer, ISSUER)
  })

  t.test('names the endpoints that remote guards use', async t => {
    t.match(metadata, {
      status_list_aggregation_endpoint: `${ISSUER}/oauth/status-lists`,
      status_events_endpoint: `${ISSUER}/oauth/events`,
      token_usage_endpoint: `${ISSUER}/oauth/usage`,
      lost_revocations_endpoint: `${ISSUER}/oauth/lost-revocations`,
    })
  })

  t.test('names only endpoints that exist', async t => {
    const endpoints = Object.entries<string>(metadata).filter(([name]) => /_(endpoint|uri|documentation)$/.test(name))
    t.ok(endpoints.length >= 5)
    for (const [name, url] of endpoints) {
      t.ok(url.startsWith(`${ISSUER}/`), name)
      const path = url.slice(ISSUER.length)
      const statuses = await Promise.all(
        (['GET', 'POST'] as const).map(async method => (await app.inject({ method, url: path })).statusCode),
      )
      t.ok(
        statuses.some(status => status !== 404),
        `${name} ${path}`,
      )
    }
    t.notOk('registration_endpoint' in metadata, 'nobody may register a client here')
    t.equal((await app.inject({ method: 'POST', url: '/oauth/register', payload: {} })).statusCode, 404)
  })

  t.test('names the grants that the token endpoint knows, and no other', async t => {
    const knows = async (grant_type: string) => {
      const headers = { 'content-type': 'application/x-www-form-urlencoded' }
      const payload = new URLSearchParams({ grant_type }).toString()
      const { error } = (await app.inject({ method: 'POST', url: '/oauth/token', headers, payload })).json()
      return error !== 'unsupported_grant_type'
    }
    t.ok(metadata.grant_types_supported.includes('client_credentials'))
    for (const grant of metadata.grant_types_supported) t.ok(await knows(grant), grant)
    for (const grant of ['password', 'implicit', 'urn:ietf:params:oauth:grant-type:jwt-bearer', 'constructor']) {
      t.notOk(await knows(grant), grant)
      t.notOk(metadata.grant_types_supported.includes(grant), grant)
    }
  })

  t.test('names the client authentication methods and the signing algorithms', async t => {
    t.strictSame(metadata.token_endpoint_auth_methods_supported, [
      'client_secret_basic',
      'client_secret_post',
      'private_key_jwt',
      'none',
    ])
    t.notOk(metadata.introspection_endpoint_auth_methods_supported.includes('none'))
    t.ok(metadata.revocation_endpoint_auth_methods_supported.includes('none'))
    t.notOk(metadata.token_endpoint_auth_signing_alg_values_supported.some((alg: string) => /^(HS|none)/.test(alg)))
    t.strictSame(metadata.introspection_signing_alg_values_supported, ['ES256'])
    await services.keys.rotate('EdDSA')
    const announced = async () => (await app.inject(PATH)).json().introspection_signing_alg_values_supported
    t.strictSame(await announced(), ['ES256', 'EdDSA'], 'before it signs')
    await services.keys.rotate('EdDSA', { now: true })
    t.strictSame(await announced(), ['EdDSA'])
  })

  t.test('describes the authorization endpoint: response types, modes and PKCE', async t => {
    const authorizes = (await app.inject('/oauth/authorize')).statusCode !== 404
    t.strictSame(metadata.response_types_supported, authorizes ? ['code'] : [])
    t.strictSame(metadata.code_challenge_methods_supported, authorizes ? ['S256'] : undefined)
    t.equal(metadata.authorization_response_iss_parameter_supported, authorizes ? true : undefined)
  })

  t.test('names the scopes that a client can request, in catalogue order', async t => {
    const scopes = (await app.inject('/scopes')).json().map(({ id }: { id: string }) => id)
    const open = scopes.filter((id: string) => !id.startsWith('admin:'))
    t.ok(open.length < scopes.length)
    t.strictSame(metadata.scopes_supported, open)
    const { client, secret } = await services.clients.create({ name: 'machine' })
    const scope = metadata.scopes_supported.join(' ')
    const answer = await form(
      app,
      '/oauth/token',
      { grant_type: 'client_credentials', scope },
      basic(client.id, secret),
    )
    t.equal(answer.json().scope, scope)
  })
})

t.test('an issuer with a path, behind a proxy that strips the path', async t => {
  const issuer = 'https://example.com/auth'
  const { app } = await testApp(t, { issuer, audience: issuer })
  for (const url of [`${PATH}/auth`, PATH]) {
    t.match((await app.inject(url)).json(), { issuer, token_endpoint: `${issuer}/oauth/token` }, url)
  }
  t.match((await app.inject('/.well-known/oauth-protected-resource/auth')).json(), { resource: issuer })
})

t.test('an issuer with a path, mounted under a prefix in another application', async t => {
  const issuer = 'https://example.com/auth'
  const services = await testServices(t, { issuer, audience: issuer })
  const app = Fastify()
  await app.register(wellKnown(services))
  await app.register(serverPlugin(services), { prefix: '/auth' })
  for (const url of [`${PATH}/auth`, `/auth${PATH}`]) {
    t.match((await app.inject(url)).json(), { issuer, token_endpoint: `${issuer}/oauth/token` }, url)
  }
  const refused = await app.inject('/auth/api/user')
  const at = /resource_metadata="https:\/\/example\.com([^"]+)"/.exec(String(refused.headers['www-authenticate']))?.[1]
  t.equal(at, '/.well-known/oauth-protected-resource/auth')
  t.match((await app.inject(String(at))).json(), { resource: issuer, authorization_servers: [issuer] })
})

t.test('from a rejected request to a token, guided by the responses', async t => {
  const { app, services } = await testApp(t)
  const refused = await app.inject('/api/user')
  t.equal(refused.statusCode, 401)
  const path = /^Bearer realm="postern", resource_metadata="http:\/\/localhost:3000([^"]+)"$/
  const at = path.exec(String(refused.headers['www-authenticate']))?.[1]
  const resource = (await app.inject(String(at))).json()
  t.match(resource, { resource: ISSUER, authorization_servers: [ISSUER], bearer_methods_supported: ['header'] })
  const server = (await app.inject(resource.authorization_servers[0] + PATH)).json()
  t.match(server, { issuer: ISSUER, protected_resources: [ISSUER] })
  const { headers } = await actingAs(services)
  t.equal((await app.inject({ url: '/api/user', headers })).headers['www-authenticate'], undefined)
})

t.test('an API on another host is not described here', async t => {
  const { app } = await testApp(t, { audience: 'https://api.example.com' })
  const refused = await app.inject('/api/user')
  t.equal(refused.headers['www-authenticate'], 'Bearer realm="postern"')
  t.equal((await app.inject('/.well-known/oauth-protected-resource')).statusCode, 404)
})
