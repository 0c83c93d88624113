import t from 'tap'
import { actingAs, newUser, PASSWORD, testApp } from '../helpers/app.ts'

t.test('a token is issued for e-mail and password, used, and revoked', async t => {
  const { app, house } = await testApp(t)
  const user = await newUser(house)
  const issued = await app.inject({
    method: 'POST',
    url: '/api/tokens',
    payload: { email: user.email, password: PASSWORD, device_name: 'laptop' },
  })
  t.equal(issued.statusCode, 201)
  const { token, data } = issued.json()
  t.match(data, { name: 'laptop', scopes: ['orders:read'], format: 'jwt', revoked: false, last_used_at: null })
  const headers = { authorization: `Bearer ${token}` }
  t.match((await app.inject({ url: '/api/user', headers })).json(), { data: { id: user.id, email: user.email } })
  t.equal((await app.inject({ method: 'DELETE', url: '/api/tokens/current', headers })).statusCode, 204)
  const refused = await app.inject({ url: '/api/user', headers })
  t.equal(refused.statusCode, 401)
  t.match(refused.headers['www-authenticate'], /error="invalid_token"/)
})

t.test('a list has pages, newest first, and never the plain text', async t => {
  const { app, house } = await testApp(t)
  const { user, headers, id } = await actingAs(house, ['tokens:read'])
  const other = await actingAs(house, [], { user })
  const first = await app.inject({ url: '/api/tokens?limit=1', headers })
  t.equal(first.statusCode, 200)
  t.match(first.json().data, [{ id: other.id }])
  t.notMatch(first.body, other.token)
  const second = await app.inject({ url: `/api/tokens?limit=1&cursor=${first.json().meta.next_cursor}`, headers })
  t.match(second.json(), { data: [{ id }], meta: { limit: 1, next_cursor: null } })
})
