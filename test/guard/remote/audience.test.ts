import Fastify from 'fastify'
import { decodeJwt } from 'jose'
import t, { type Test } from 'tap'
import { checkScopes, guard, type RemoteOptions } from '../../../packages/guard/src/index.ts'
import { newUser } from '../../helpers/app.ts'
import { listeningIssuer } from '../../helpers/issuer.ts'
import { basic, form } from '../../helpers/oauth.ts'
import { bearer } from '../../helpers/requester.ts'

const ORDERS = 'https://orders.example.com'
const REPORTS = 'https://reports.example.com'
const { issuer, services, app } = await listeningIssuer(t)
const user = await newUser(services)
const FORMATS = ['jwt', 'opaque'] as const
const orders = await registered('Orders API', ORDERS)

async function registered(name: string, audience: string) {
  const { client, secret } = await services.clients.create({ name, audience })
  return { clientId: client.id, clientSecret: secret as string }
}

/** An API behind the guard, and the status that it answers to a token. */
async function api(t: Test, options: Partial<RemoteOptions>) {
  const server = Fastify()
  await server.register(guard, { issuer, ...options })
  server.get('/orders', { preHandler: checkScopes('orders:read') }, async () => [])
  t.teardown(() => server.close())
  return async (token: string) => (await server.inject({ url: '/orders', headers: bearer(token) })).statusCode
}

const issue = async (format: 'jwt' | 'opaque', resources?: string[]) => {
  const input = { user, name: 'ci', scopes: ['orders:read', 'user:read'], format, resources }
  return (await services.tokens.issuePersonal(input)).plainText
}

const introspected = async ({ clientId, clientSecret }: typeof orders, token: string) =>
  (await form(app, '/oauth/introspect', { token }, basic(clientId, clientSecret))).json()

t.test('the metadata states the audience of the deployment', async t => {
  const { body } = await app.inject('/.well-known/oauth-authorization-server')
  t.equal(JSON.parse(body).deployment_audience, issuer)
})

for (const format of FORMATS) {
  t.test(`a token without a resource is good at every API, also at one registered later: ${format}`, async t => {
    const token = await issue(format)
    const later = await registered(`Later ${format}`, `https://later.example.com/${format}`)
    for (const [client, audience] of [
      [orders, ORDERS],
      [later, [`https://later.example.com/${format}`]],
      [orders, undefined],
    ] as const) {
      const options = audience === undefined ? client : { ...client, audience }
      t.equal(await (await api(t, options))(token), 200, String(audience))
      t.match(await introspected(client, token), { active: true, aud: issuer, username: user.email })
    }
    await services.clients.revoke(later.clientId)
    t.equal(await (await api(t, { ...orders, audience: ORDERS }))(token), 200, 'registrations change no token')
  })

  t.test(`a token for a resource is good there only: ${format}`, async t => {
    const reports = await registered(`Reports ${format}`, `${REPORTS}/${format}`)
    const audience = `${REPORTS}/${format}`
    const token = await issue(format, ['HTTPS://Orders.Example.com:443/'])
    t.equal(await (await api(t, { ...orders, audience: ORDERS }))(token), 200)
    t.equal(await (await api(t, { ...orders, audience: ['https://other.example.com', `${ORDERS}/`] }))(token), 200)
    t.equal(await (await api(t, { ...reports, audience }))(token), 401)
    t.equal(await (await api(t, orders))(token), 401, 'it is not for the whole deployment')
    t.match(await introspected(orders, token), { active: true, aud: ORDERS })
    t.strictSame(await introspected(reports, token), { active: false })
    t.equal((await app.inject({ url: '/api/tokens/current', headers: bearer(token) })).statusCode, 401)
  })

  t.test(`a token for two resources: ${format}`, async t => {
    const audience = `https://two.example.com/${format}`
    const two = await registered(`Two ${format}`, audience)
    const token = await issue(format, [ORDERS, audience, `${ORDERS}/`])
    if (format === 'jwt') t.strictSame(decodeJwt(token).aud, [ORDERS, audience])
    for (const [client, own] of [
      [orders, ORDERS],
      [two, audience],
    ] as const) {
      t.equal(await (await api(t, { ...client, audience: own }))(token), 200)
      t.match(await introspected(client, token), { active: true, aud: [ORDERS, audience] })
    }
    t.equal(await (await api(t, { ...orders, audience: REPORTS }))(token), 401)
  })
}

t.test('REQUIRE_RESOURCE=on: a token without a resource is good at the issuer only', async t => {
  const strict = await listeningIssuer(t, { requireResource: true, audience: 'https://api.example.com' })
  const owner = await newUser(strict.services)
  const { client, secret } = await strict.services.clients.create({ name: 'Orders API', audience: ORDERS })
  const credentials = { clientId: client.id, clientSecret: secret as string }
  const ask = await api(t, { issuer: strict.issuer, audience: ORDERS, ...credentials })
  const anyAudience = await api(t, { issuer: strict.issuer, ...credentials })
  t.notOk((await strict.app.inject('/.well-known/oauth-authorization-server')).json().deployment_audience)
  for (const format of FORMATS) {
    const input = { user: owner, name: 'ci', scopes: ['orders:read'], format }
    const { plainText } = await strict.services.tokens.issuePersonal(input)
    t.equal(await ask(plainText), 401, format)
    t.equal(await anyAudience(plainText), format === 'jwt' ? 503 : 401, 'nobody says what it may accept')
    const own = await strict.app.inject({ url: '/api/tokens/current', headers: bearer(plainText) })
    t.equal(own.statusCode, 200, format)
    const named = await strict.services.tokens.issuePersonal({ ...input, resources: [ORDERS] })
    t.equal(await ask(named.plainText), 200, format)
  }
})
