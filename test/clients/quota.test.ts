import t from 'tap'
import { actingAs, type TestApp, testApp } from '../helpers/app.ts'
import { Browser } from '../helpers/browser.ts'
import { testNodes } from '../helpers/nodes.ts'

/** How many apps one user may have. */

const LIMIT = 3
const payload = { name: 'Viewer', redirect_uris: ['https://viewer.example.com/callback'] }

t.test('a user has so many apps, at once or one after the other', async t => {
  const { app, services } = await testApp(t, { clientsPerUser: LIMIT })
  const scopes = ['clients:read', 'clients:write']
  const { headers } = await actingAs(services, scopes)
  const create = () => app.inject({ method: 'POST', url: '/api/clients', headers, payload })
  const made = await Promise.all(Array.from({ length: LIMIT + 3 }, create))
  const statuses = made.map(({ statusCode }) => statusCode).sort()
  t.strictSame(statuses, [...Array(LIMIT).fill(201), 403, 403, 403])
  const refused = await create()
  t.match(refused.json(), {
    type: 'urn:postern:error:quota_reached',
    limit: LIMIT,
    detail: /You have 3 apps.*Revoke one.*CLIENTS_PER_USER/,
  })
  const [{ id }] = (await app.inject({ url: '/api/clients', headers })).json().data
  await app.inject({ method: 'DELETE', url: `/api/clients/${id}`, headers })
  t.equal((await create()).statusCode, 201, 'in the place of one that was revoked')
  const other = await actingAs(services, scopes)
  const others = await app.inject({ method: 'POST', url: '/api/clients', headers: other.headers, payload })
  t.equal(others.statusCode, 201, 'others are unharmed')
})

t.test('the page says so, too, and operators register any number', async t => {
  const { app, services } = await testApp(t, { clientsPerUser: 1 })
  const { user } = await actingAs(services)
  const browser = new Browser(app)
  await browser.signIn(user)
  const submit = async () =>
    browser.submit(
      await browser.get('/apps/own/new'),
      { name: 'Mine', redirect_uris: payload.redirect_uris[0] },
      /own$/,
    )
  t.equal((await submit()).statusCode, 200)
  const refused = await submit()
  t.equal(refused.statusCode, 403)
  t.match(refused.body, /You have 1 apps?, .*ask an administrator/)

  const { headers } = await actingAs(services, ['admin:read', 'admin:write'], { role: 'admin' })
  for (let i = 0; i < 3; i++) {
    t.equal((await app.inject({ method: 'POST', url: '/admin/clients', headers, payload })).statusCode, 201)
  }
})

t.test('clients that register themselves are limited in number and by the hour, on every node', async t => {
  const initialAccessToken = 'an initial access token of 32 characters or more'
  const headers = { authorization: `Bearer ${initialAccessToken}` }
  const settings = {
    initialAccessToken,
    dcr: 'token' as const,
    registeredClients: LIMIT,
    registrationsPerHour: LIMIT + 1,
  }
  const [here, there] = await testNodes(t, settings)
  const register = ({ app }: TestApp = here) =>
    app.inject({ method: 'POST', url: '/oauth/register', headers, payload: { redirect_uris: payload.redirect_uris } })
  const made = await Promise.all(Array.from({ length: LIMIT + 2 }, (_, i) => register(i % 2 ? here : there)))
  t.strictSame(made.map(({ statusCode }) => statusCode).sort(), [...Array(LIMIT).fill(201), 403, 403])
  const refused = made.find(({ statusCode }) => statusCode === 403)
  t.match(refused?.json(), { error: 'quota_reached', error_description: /3 clients.*REGISTERED_CLIENTS/ })
  const remove = async () => {
    const [client] = await here.services.db.query<{ id: string }>(
      'select id from oauth_clients where registration_hash is not null and not revoked limit 1',
    )
    await here.services.clients.revoke(client?.id as string)
  }
  await remove()
  t.equal((await register()).statusCode, 201, 'in the place of one that was removed')
  await remove()
  const tooMany = await register(there)
  t.match(tooMany.json(), { error: 'too_many_requests' })
  t.equal(tooMany.statusCode, 429, 'removing them does not help')
  const seconds = Number(tooMany.headers['retry-after'])
  t.ok(seconds > 3_000 && seconds <= 3_600)
  const { client } = await here.services.clients.create({ name: 'by an operator', grantTypes: ['client_credentials'] })
  t.ok(client, 'operators are not limited')
})
