import Fastify from 'fastify'
import t from 'tap'
import { checkScopes, guard } from '../../packages/guard/src/index.ts'
import { actingAs, newUser, testApp } from '../helpers/app.ts'
import { Browser } from '../helpers/browser.ts'
import { basic } from '../helpers/oauth.ts'
import { requester } from '../helpers/requester.ts'

/** What a request should look like is said to nobody who may not send it: 401 and 403 come before 400 and 422. */

interface Operation {
  security?: Record<string, string[]>[]
  parameters?: { in: string; name: string }[]
  requestBody?: { content: Record<string, object> }
}

const INITIAL = 'an-initial-access-token-of-the-test-0123456789'
const { app, services } = await testApp(t, { initialAccessToken: INITIAL, dcr: 'token' })
const { paths } = (await requester(app).get('/docs/json')).json() as {
  paths: Record<string, Record<string, Operation>>
}
const protectedOperations = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods)
    .filter(([, { security = [] }]) => security.length > 0)
    .map(([method, operation]) => ({ ...operation, path, method: method.toUpperCase() as 'POST' })),
)

/** Whatever can be wrong with a request is: its path, its query and its body. */
async function sendInvalid(
  { path, method, security, requestBody }: (typeof protectedOperations)[number],
  headers = {},
) {
  const url = `${path.replaceAll(/\{\w+\}/g, 'no%00id')}?limit=-1&since=never`
  // Only a token is looked for in the query.
  const query = security?.some(choice => 'bearer' in choice) ? '&unknown=%00' : ''
  const type = Object.keys(requestBody?.content ?? {})[0] ?? 'application/json'
  const payload = type.endsWith('json') ? '{"unknown":["\\u0000"],"scopes":7}' : 'unknown=x'
  const body = method === ('GET' as string) ? {} : { payload, headers: { 'content-type': type, ...headers } }
  return app.inject({ method, url: url + query, headers, ...body })
}

t.test('without credentials, and with wrong ones', async t => {
  t.ok(protectedOperations.length > 40)
  for (const operation of protectedOperations) {
    const name = `${operation.method} ${operation.path}`
    // The grant decides whether a client is needed (RFC 6749 §3.2.1), so it is read first.
    if (operation.path === '/oauth/token') continue
    for (const headers of [{}, { authorization: 'Bearer x' }, basic('x', 'y')]) {
      const { statusCode, body } = await sendInvalid(operation, headers)
      t.equal(statusCode, 401, `${name} ${JSON.stringify(headers)} ${body}`)
    }
  }
})

t.test('with a token that has no scope', async t => {
  const { headers } = await actingAs(services, [])
  for (const operation of protectedOperations) {
    const scopes = operation.security?.flatMap(choice => choice.bearer ?? []) ?? []
    if (scopes.length === 0) continue
    const { statusCode, body } = await sendInvalid(operation, headers)
    t.equal(statusCode, 403, `${operation.method} ${operation.path} ${body}`)
  }
})

t.test('by a session without its CSRF token', async t => {
  const user = await newUser(services)
  const browser = new Browser(app)
  await browser.signIn(user)
  for (const operation of protectedOperations) {
    if (!operation.path.startsWith('/api/') || operation.method === ('GET' as string)) continue
    const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const { statusCode, body } = await sendInvalid(operation, { cookie })
    t.equal(statusCode, 403, `${operation.method} ${operation.path} ${body}`)
  }
})

t.test('a client that is no resource server learns nothing of reports', async t => {
  const { client, secret } = await services.clients.create({ name: 'Machine', grantTypes: ['client_credentials'] })
  const [report] = protectedOperations.filter(({ path }) => path === '/oauth/usage')
  const { statusCode, body } = await sendInvalid(report!, basic(client.id, secret))
  t.equal(statusCode, 403, body)
})

t.test('whoever may send it is told what is wrong', async t => {
  const { headers } = await actingAs(services, ['*', 'admin:read', 'admin:write'], { role: 'admin' })
  for (const operation of protectedOperations) {
    if (!/^\/(api|admin)\//.test(operation.path) || !operation.requestBody) continue
    const { statusCode, body } = await sendInvalid(operation, headers)
    t.equal(statusCode, 422, `${operation.method} ${operation.path} ${body}`)
  }
})

t.test("in an application's own routes, where the check is a preValidation", async t => {
  const api = Fastify()
  await api.register(guard, { authenticate: services.authenticate })
  const schema = { body: { type: 'object', required: ['item'] } }
  api.post('/orders', { preValidation: checkScopes('orders:create'), schema }, async () => ({}))
  t.teardown(() => api.close())
  const send = async (headers = {}) =>
    (await api.inject({ method: 'POST', url: '/orders', headers, payload: {} })).statusCode
  t.equal(await send(), 401)
  t.equal(await send((await actingAs(services, ['orders:read'])).headers), 403)
  t.equal(await send((await actingAs(services, ['orders:create'])).headers), 400)
})
