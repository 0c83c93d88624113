import t from 'tap'
import { testApp } from '../helpers/app.ts'
import { basic, form } from '../helpers/oauth.ts'

t.test('a machine gets a token for itself', async t => {
  const { app, house } = await testApp(t)
  const { client, secret } = await house.clients.create({ name: 'nightly', scopes: ['orders:read'] })
  const got = await form(app, '/oauth/token', { grant_type: 'client_credentials' }, basic(client.id, secret))
  t.equal(got.statusCode, 200, got.body)
  t.equal(got.headers['cache-control'], 'no-store')
  t.match(got.json(), { token_type: 'Bearer', expires_in: 3600, scope: 'orders:read' })
  const headers = { authorization: `bearer ${got.json().access_token}` }
  t.match((await app.inject({ url: '/api/tokens/current', headers })).json(), { data: { client_id: client.id } })
  t.equal((await app.inject({ url: '/api/user', headers })).statusCode, 403)
  const wrong = await form(app, '/oauth/token', {
    grant_type: 'client_credentials',
    client_id: client.id,
    client_secret: 'x',
  })
  t.equal(wrong.statusCode, 401)
  t.match(wrong.json(), { error: 'invalid_client' })
})
