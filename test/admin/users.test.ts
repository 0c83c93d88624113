import t from 'tap'
import { actingAs, newUser, PASSWORD, testApp } from '../helpers/app.ts'
import { basic, form } from '../helpers/oauth.ts'

t.test('users are created, found, changed, disabled, enabled', async t => {
  const { app, services } = await testApp(t)
  const { headers } = await actingAs(services, ['admin:read', 'admin:write'], { role: 'admin' })
  const body = { email: 'Grace@Example.com', name: 'Grace', password: PASSWORD }
  const created = await app.inject({ method: 'POST', url: '/admin/users', headers, payload: body })
  t.equal(created.statusCode, 201, created.body)
  const { id, email } = created.json().data
  t.equal(email, 'grace@example.com')
  t.notMatch(created.body, /password|argon/)
  const again = await app.inject({ method: 'POST', url: '/admin/users', headers, payload: body })
  t.equal(again.statusCode, 422)
  t.match(again.json().errors, [{ path: 'email', message: 'is taken' }])
  const found = await app.inject({ url: '/admin/users?email=GRACE@example.com', headers })
  t.match(found.json().data, [{ id }])
  const patched = await app.inject({
    method: 'PATCH',
    url: `/admin/users/${id}`,
    headers,
    payload: { name: 'Grace H' },
  })
  t.match(patched.json(), { data: { name: 'Grace H', disabled_at: null } })

  const user = await services.users.find(id)
  const { headers: hers } = await actingAs(services, [], { user })
  t.equal((await app.inject({ url: '/api/user', headers: hers })).statusCode, 200)
  const disabled = await app.inject({ method: 'POST', url: `/admin/users/${id}/disable`, headers })
  t.type(disabled.json().data.disabled_at, 'string')
  t.equal((await app.inject({ url: '/api/user', headers: hers })).statusCode, 401, 'at once')
  const none = await app.inject({ method: 'POST', url: `/admin/users/${id}/tokens`, headers, payload: { name: 'x' } })
  t.equal(none.statusCode, 409, 'no token for a disabled user')
  await app.inject({ method: 'POST', url: `/admin/users/${id}/enable`, headers })
  t.equal((await app.inject({ url: '/api/user', headers: hers })).statusCode, 200)
  const out = await app.inject({ method: 'POST', url: `/admin/users/${id}/sign-out`, headers })
  t.equal(out.statusCode, 204, out.body)
  t.equal((await app.inject({ url: '/api/user', headers: hers })).statusCode, 401, 'signed out everywhere')
  t.equal((await app.inject({ url: '/admin/users/nobody', headers })).statusCode, 404)
})

t.test('a backend issues a personal token for a user of its own', async t => {
  const { app, services } = await testApp(t)
  const user = await newUser(services)
  const made = await services.clients.create({ name: 'backend', scopes: ['admin:read', 'admin:write'] })
  const credentials = basic(made.client.id, made.secret)
  const wish = { grant_type: 'client_credentials', scope: 'admin:write' }
  const { access_token } = (await form(app, '/oauth/token', wish, credentials)).json()
  const headers = { authorization: `Bearer ${access_token}` }
  const payload = { name: 'from the settings page', scopes: ['orders:read'] }
  const issued = await app.inject({ method: 'POST', url: `/admin/users/${user.id}/tokens`, headers, payload })
  t.equal(issued.statusCode, 201, issued.body)
  t.match(issued.json(), { data: { name: payload.name, scopes: ['orders:read'] }, user: { id: user.id } })
  const hers = { authorization: `Bearer ${issued.json().token}` }
  t.match((await app.inject({ url: '/api/user', headers: hers })).json(), { data: { id: user.id } })

  const administrator = await newUser(services, 'admin')
  const passedOn = async ({ id }: { id: string }, scope: string) =>
    (
      await app.inject({
        method: 'POST',
        url: `/admin/users/${id}/tokens`,
        headers,
        payload: { name: 'x', scopes: [scope] },
      })
    ).statusCode
  t.equal(await passedOn(user, 'admin:write'), 422, 'its user is no administrator')
  t.equal(await passedOn(administrator, 'admin:read'), 403, 'the backend asked for admin:write alone')
  t.equal(await passedOn(administrator, 'admin:write'), 201)
  t.equal(await passedOn(user, 'no:such'), 422)

  const refused = await app.inject({ url: '/admin/audit', headers })
  t.equal(refused.statusCode, 403, 'it asked for admin:write alone')
  const reader = await form(app, '/oauth/token', { ...wish, scope: 'admin:read' }, credentials)
  const read = { authorization: `Bearer ${reader.json().access_token}` }
  const trail = await app.inject({ url: `/admin/audit?user_id=${user.id}&kind=token.issued`, headers: read })
  t.match(trail.json().data, [
    { user_id: user.id, actor_client_id: made.client.id, token_id: issued.json().data.id, address: '127.0.0.1' },
  ])
  t.notMatch(trail.body, issued.json().token, 'never a secret')
})

t.test('who may not administer is refused everywhere', async t => {
  const { app, services } = await testApp(t)
  const { headers, user } = await actingAs(services, ['*'])
  const plain = await services.clients.create({ name: 'any scope, but none of these' })
  const asked = await form(
    app,
    '/oauth/token',
    { grant_type: 'client_credentials', scope: 'admin:read' },
    basic(plain.client.id, plain.secret),
  )
  t.match(asked.json(), { error: 'invalid_scope' })
  const routes = [
    ['GET', '/admin/users'],
    ['POST', '/admin/users'],
    ['GET', `/admin/users/${user.id}`],
    ['PATCH', `/admin/users/${user.id}`],
    ['POST', `/admin/users/${user.id}/disable`],
    ['POST', `/admin/users/${user.id}/enable`],
    ['POST', `/admin/users/${user.id}/sign-out`],
    ['POST', `/admin/users/${user.id}/tokens`],
    ['GET', '/admin/tokens'],
    ['GET', `/admin/tokens/${user.id}`],
    ['DELETE', `/admin/tokens/${user.id}`],
    ['POST', '/admin/tokens/revoke'],
    ['GET', '/admin/keys'],
    ['POST', '/admin/keys/rotate'],
    ['GET', '/admin/audit'],
  ] as const
  const valid = { email: 'x@example.com', name: 'x', password: PASSWORD }
  for (const [method, url] of routes) {
    const payload =
      method === 'GET' || method === 'DELETE'
        ? {}
        : { payload: url === '/admin/users' ? valid : url.endsWith('/tokens') ? { name: 'x' } : {} }
    const refused = await app.inject({ method, url, headers, ...payload })
    t.equal(refused.statusCode, 403, `${method} ${url}`)
    t.equal((await app.inject({ method, url, ...payload })).statusCode, 401, `${method} ${url} without a token`)
  }
})
