import { decodeJwt } from 'jose'
import t from 'tap'
import { newUser, PASSWORD, testApp } from '../helpers/app.ts'
import { basic, form } from '../helpers/oauth.ts'
import { bearer, requester } from '../helpers/requester.ts'

const ORDERS = 'https://orders.example.com'
const REPORTS = 'https://reports.example.com'
const CATALOGUE = [
  { id: 'profile', description: 'Read your profile', default: true },
  { id: 'orders:read', description: 'Read orders', default: true, resource: 'HTTPS://orders.example.com/' },
  { id: 'reports:read', description: 'Read reports', resource: REPORTS },
]
const { app, services } = await testApp(t, { catalogue: CATALOGUE })
await services.clients.create({ name: 'Orders API', audience: ORDERS })
const { email } = await newUser(services)

const issue = async (more: object) => {
  const payload = { email, password: PASSWORD, name: 'ci', ...more }
  const answer = await app.inject({ method: 'POST', url: '/api/tokens', payload })
  return { status: answer.statusCode, body: answer.json() }
}
const aud = async (more: object) => decodeJwt((await issue(more)).body.token).aud

t.test('a token may name resources, and says so', async t => {
  const { status, body } = await issue({ resources: [`${ORDERS}/`], scopes: ['orders:read'] })
  t.equal(status, 201)
  t.match(body.data, { resources: [ORDERS] })
  t.equal(decodeJwt(body.token).aud, ORDERS)
  t.match((await issue({ scopes: ['profile'] })).body.data, { resources: null })
})

t.test('resources that cannot be are a 422 that names them', async t => {
  for (const resources of [
    [],
    ['https://nowhere.example.com'],
    ['orders'],
    [''],
    [ORDERS, 'urn:x'],
    ORDERS,
    [7],
    null,
  ]) {
    const { status, body } = await issue({ resources, scopes: ['profile'] })
    t.equal(status, 422, JSON.stringify(resources))
    t.match(body.errors[0].path, /^resources/)
  }
})

t.test('a scope that belongs to a resource narrows the audience', async t => {
  t.equal(await aud({ scopes: ['orders:read'] }), ORDERS, 'in the form that is registered')
  t.equal(await aud({ scopes: ['orders:read', 'profile'] }), ORDERS)
  t.strictSame(await aud({ scopes: ['orders:read', 'reports:read'] }), [ORDERS, REPORTS], 'one that no client has, too')
  t.equal(await aud({ scopes: ['profile'] }), services.config.audience)
  t.equal(await aud({}), ORDERS, 'by default')
  t.equal(await aud({ scopes: ['*'] }), services.config.audience)
})

t.test('a token for one resource has no scope of another', async t => {
  const { status, body } = await issue({ resources: [ORDERS], scopes: ['orders:read', 'reports:read'] })
  t.equal(status, 422)
  t.match(body.errors, [{ path: 'scopes', message: /^reports:read: belongs to another API/ }])
  t.strictSame(
    (await issue({ resources: [REPORTS] })).body.data.scopes,
    ['profile', 'tokens:rotate'],
    'defaults are left out',
  )
  const { id, token } = await (async () => {
    const made = await issue({ resources: [ORDERS], scopes: ['orders:read'] })
    const owner = await issue({ scopes: ['tokens:write', '*'] })
    return { id: made.body.data.id, token: owner.body.token }
  })()
  const change = (scopes: string[]) => requester(app, bearer(token)).patch(`/api/tokens/${id}`, { scopes })
  t.equal((await change(['orders:read', 'reports:read'])).statusCode, 422)
  t.equal((await change(['orders:read', 'profile'])).statusCode, 200)
})

t.test('a successor is for the same resources', async t => {
  const { body } = await issue({ resources: [ORDERS], scopes: ['orders:read'] })
  const owner = await issue({ scopes: ['tokens:write', '*'] })
  const rotated = await requester(app, bearer(owner.body.token)).post(`/api/tokens/${body.data.id}/rotate`, {})
  t.equal(rotated.statusCode, 201)
  t.match(rotated.json().data, { resources: [ORDERS] })
  t.equal(decodeJwt(rotated.json().token).aud, ORDERS)
})

t.test('the catalogue says which resource a scope belongs to', async t => {
  const scopes = (await app.inject('/scopes')).json()
  t.match(scopes[2], { id: 'reports:read', resource: REPORTS })
  t.notOk('resource' in scopes[0])
})

for (const format of ['jwt', 'opaque'] as const) {
  t.test(`an API exchanges the token that it was sent for one for another API: ${format}`, async t => {
    const exchange = 'urn:ietf:params:oauth:grant-type:token-exchange' as const
    const audience = `https://front.example.com/${format}`
    const exchangeAudiences = [ORDERS, 'HTTPS://reports.example.com:443/']
    const front = await services.clients.create({ name: 'Front', audience, grantTypes: [exchange] })
    const other = await services.clients.create({ name: 'Other', grantTypes: [exchange], exchangeAudiences })
    const { body } = await issue({ resources: [audience], scopes: ['profile'], format })
    const trade = (of: typeof front, more: object) => {
      const type = 'urn:ietf:params:oauth:token-type:access_token'
      const params = { grant_type: exchange, subject_token: body.token, subject_token_type: type, ...more }
      return form(app, '/oauth/token', params, basic(of.client.id, of.secret))
    }
    const refused = await trade(front, { resource: ORDERS })
    t.match(refused.json(), { error: 'invalid_target', error_description: /exchange_audiences.*orders\.example/ })
    await services.clients.update(front.client.id, { exchangeAudiences })
    t.equal(decodeJwt((await trade(front, { resource: `${ORDERS}/` })).json().access_token).aud, ORDERS)
    t.strictSame(decodeJwt((await trade(front, { audience: [ORDERS, REPORTS] })).json().access_token).aud, [
      ORDERS,
      REPORTS,
    ])
    t.equal(decodeJwt((await trade(front, {})).json().access_token).aud, audience, 'no wider where nothing is named')
    t.match((await trade(front, { resource: services.config.audience })).json(), { error: 'invalid_target' })
    t.equal((await trade(other, { resource: ORDERS })).statusCode, 400, 'it was not sent to this client')
    await services.clients.update(front.client.id, { exchangeAudiences: [] })
    t.match((await trade(front, { resource: ORDERS })).json(), { error: 'invalid_target' }, 'and no longer')
  })
}

t.test('an audience belongs to one client, in whatever way it is written', async t => {
  await t.rejects(
    services.clients.create({ name: 'impostor', audience: 'HTTPS://orders.example.com:443/' }),
    /another client/,
  )
  const { client } = await services.clients.create({ name: 'other', audience: 'https://other.example.com' })
  await t.rejects(services.clients.update(client.id, { audience: `${ORDERS}/` }), /another client/)
  await t.resolves(services.clients.update(client.id, { audience: 'https://OTHER.example.com/' }), 'its own')
})

t.test('grants: resource may come more than once, and leaves out the scopes of others', async t => {
  const { client, secret } = await services.clients.create({ name: 'machine', resources: [ORDERS] })
  const ask = async (resource: string | string[] | undefined, scope: string) => {
    const params = { grant_type: 'client_credentials', scope, ...(resource !== undefined && { resource }) }
    return (await form(app, '/oauth/token', params, basic(client.id, secret))).json()
  }
  const both = await ask([ORDERS, REPORTS], 'orders:read reports:read')
  t.strictSame(decodeJwt(both.access_token).aud, [ORDERS, REPORTS])
  t.equal(decodeJwt((await ask([ORDERS, `${ORDERS}/`], 'profile')).access_token).aud, ORDERS, 'equal ones count once')
  t.match(await ask([ORDERS, 'https://nowhere.example.com'], 'profile'), { error: 'invalid_target' })
  t.match(await ask(ORDERS, 'orders:read reports:read profile'), { scope: 'profile orders:read' })
  t.match(await ask(ORDERS, 'reports:read'), { error: 'invalid_target' })
  t.strictSame(decodeJwt((await ask(undefined, 'orders:read profile')).access_token).aud, ORDERS)
})
