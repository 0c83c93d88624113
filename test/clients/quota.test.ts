import t from 'tap'
import { actingAs, testApp } from '../helpers/app.ts'
import { Browser } from '../helpers/browser.ts'

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
  t.match(refused.body, /You have 1 apps?, .*CLIENTS_PER_USER/)

  const { headers } = await actingAs(services, ['admin:read', 'admin:write'], { role: 'admin' })
  for (let i = 0; i < 3; i++) {
    t.equal((await app.inject({ method: 'POST', url: '/admin/clients', headers, payload })).statusCode, 201)
  }
})
