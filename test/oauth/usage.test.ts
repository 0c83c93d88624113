import t from 'tap'
import { actingAs, testApp } from '../helpers/app.ts'
import { basic } from '../helpers/oauth.ts'
import { requester } from '../helpers/requester.ts'

const API = 'https://orders.example.com'
const { app, services } = await testApp(t, { audience: API })
const { client, secret } = await services.clients.create({ name: 'Orders API', audience: API })
const orders = requester(app, basic(client.id, secret))

const use = (id: string, more: object = {}) => ({ id, at: new Date().toISOString(), ...more })
const scopes = ['orders:read']

async function row(id: string) {
  const token = await services.tokenAdmin.find(id)
  return { at: token?.lastUsedAt, scopes: token?.usedScopes }
}

t.test('a report is stored before the response, and an older one changes nothing', async t => {
  const { id } = await actingAs(services, ['orders:read', 'orders:create'])
  const at = new Date()
  t.equal((await orders.post('/oauth/usage', { uses: [use(id, { at: at.toISOString(), scopes })] })).statusCode, 204)
  t.same(await row(id), { at, scopes })
  const older = new Date(at.getTime() - 1).toISOString()
  t.equal((await orders.post('/oauth/usage', { uses: [{ id: id.toUpperCase(), at: older, scopes }] })).statusCode, 204)
  t.same(await row(id), { at, scopes })
  await orders.post('/oauth/usage', { uses: [use(id, { scopes: ['orders:create'] })] })
  t.same((await row(id)).scopes?.toSorted(), ['orders:create', 'orders:read'], 'scopes add up')
})

t.test('a future time counts as now, a time before the token was issued is ignored', async t => {
  const { id } = await actingAs(services, scopes)
  await orders.post('/oauth/usage', { uses: [{ id, at: '2020-01-01T00:00:00Z', scopes }] })
  t.same(await row(id), { at: null, scopes: null })
  await orders.post('/oauth/usage', { uses: [{ id, at: '2999-01-01T00:00:00Z', scopes }] })
  t.ok(((await row(id)).at as Date).getTime() <= Date.now())
})

t.test('unknown scopes and scopes that the token lacks are ignored', async t => {
  const { id } = await actingAs(services, scopes)
  await orders.post('/oauth/usage', { uses: [use(id, { scopes: ['orders:create', 'made:up', 'orders:read'] })] })
  t.same((await row(id)).scopes, scopes)
  const all = await actingAs(services, ['*'])
  await orders.post('/oauth/usage', { uses: [use(all.id, { scopes: ['orders:create', 'made:up', 'admin:read'] })] })
  t.same((await row(all.id)).scopes, ['orders:create'])
})

t.test('tokens for another server are ignored like unknown ones', async t => {
  const { id } = await actingAs(services, scopes)
  const meantFor = (audience: string) =>
    services.db.query('update oauth_access_tokens set audience = ? where id = ?', [audience, id])
  await meantFor('https://invoices.example.com')
  const other = await services.clients.create({ name: 'Reports API', audience: 'https://reports.example.com' })
  const reports = requester(app, basic(other.client.id, other.secret))
  const foreign = await reports.post('/oauth/usage', { uses: [use(id, { scopes })] })
  const unknown = await reports.post('/oauth/usage', {
    uses: [use('01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a11', { scopes })],
  })
  t.same([foreign.statusCode, foreign.body], [204, ''])
  t.same([unknown.statusCode, unknown.body], [204, ''])
  t.same(await row(id), { at: null, scopes: null })
  await meantFor('https://reports.example.com')
  await reports.post('/oauth/usage', { uses: [use(id, { scopes })] })
  t.same((await row(id)).scopes, scopes, 'its own')
})

t.test('only an authenticated resource server can report', async t => {
  const plain = await services.clients.create({ name: 'An app' })
  const page = await services.clients.create({ name: 'A page', public: true })
  const body = { uses: [] }
  t.equal((await requester(app).post('/oauth/usage', body)).statusCode, 401)
  t.equal((await requester(app, basic(client.id, 'wrong')).post('/oauth/usage', body)).statusCode, 401)
  t.equal((await requester(app, basic(page.client.id, '')).post('/oauth/usage', body)).statusCode, 401)
  t.equal((await requester(app, basic(plain.client.id, plain.secret)).post('/oauth/usage', body)).statusCode, 403)
  const { headers } = await actingAs(services, ['*'])
  t.equal((await requester(app, headers).post('/oauth/usage', body)).statusCode, 401, 'a token is no client')
})

t.test('a report is limited and validated strictly', async t => {
  const id = '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a11'
  const at = '2026-01-01T00:00:00Z'
  const post = async (payload: object) => (await orders.post('/oauth/usage', payload)).statusCode
  t.equal(await post({ uses: Array(2_000).fill({ id, at }) }), 204)
  t.equal(await post({ uses: Array(2_001).fill({ id, at }) }), 422)
  const long = Array.from({ length: 100 }, (_, i) => `${i}`.padEnd(128, 'x'))
  t.equal(await post({ uses: Array(100).fill({ id, at, scopes: long }) }), 413)
  for (const wrong of [{}, { uses: [{ id }] }, { uses: [{ id: 'x', at }] }, { uses: [{ id, at: 'now' }] }]) {
    t.equal(await post(wrong), 422, JSON.stringify(wrong))
  }
  t.equal(await post({ uses: [{ id, at, more: 1 }] }), 422)
  t.equal(await post({ uses: [{ id, at, scopes: ['a\0b'] }] }), 422)
  t.equal(await post({ uses: [{ id, at: '2016-12-31T23:59:60Z' }] }), 422, 'a leap second')
})
