import t from 'tap'
import { actingAs, newUser, PASSWORD, testApp } from '../helpers/app.ts'
import { bearer, requester } from '../helpers/requester.ts'

const { app, services } = await testApp(t)
const signIn = (email: string, password: string) =>
  requester(app).post('/api/tokens', { email, password, device_name: 'x' })

t.test('a user reads who they are, and no more than that', async t => {
  const { user, headers } = await actingAs(services, ['user:read'])
  const { data } = (await requester(app, headers).get('/api/user')).json()
  t.strictSame(Object.keys(data), ['id', 'name', 'email', 'role', 'created_at', 'updated_at'])
  t.match(data, { id: user.id, email: user.email, name: 'Ada Lovelace', role: 'user' })
})

t.test('without user:read a token tells the id of its user, whatever is asked, and nothing else', async t => {
  for (const format of ['jwt', 'opaque'] as const) {
    const scopes = ['tokens:write', 'orders:read']
    const { id: other } = await actingAs(services, scopes, { format })
    const { user, headers } = await actingAs(services, scopes, { format })
    const me = requester(app, headers)
    const only = { id: user.id }
    t.strictSame((await me.get('/api/user')).json(), { data: only })
    t.strictSame((await me.put('/api/user', {})).json(), { data: only })
    t.strictSame((await me.put('/api/user', { name: user.name })).json(), { data: only })
    const issued = await me.post('/api/tokens', { name: 'x', scopes: ['orders:read'] })
    const { token, data, user: owner } = issued.json()
    t.strictSame(owner, only, 'issue')
    t.strictSame((await me.post(`/api/tokens/${data.id}/rotate`)).json().user, only, 'rotate')
    t.equal((await me.post(`/api/tokens/${other}/rotate`)).statusCode, 404)
    t.notMatch((await me.get('/api/tokens/current')).body, user.email)
    t.equal((await requester(app, bearer(token)).get('/api/user')).statusCode, 401)
  }
  const { user, headers } = await actingAs(services, ['*', 'tokens:write'])
  t.match((await requester(app, headers).get('/api/user')).json(), { data: { email: user.email } }, '* has it')
})

t.test('a name is changed, and is what a guarded route sees next', async t => {
  const { headers } = await actingAs(services, ['user:read'])
  const me = requester(app, headers)
  t.match((await me.put('/api/user', { name: ' Ada King ' })).json(), { data: { name: 'Ada King' } })
  t.match((await me.get('/api/user')).json(), { data: { name: 'Ada King' } })
})

t.test('names are stored as they are and shown as text', async t => {
  const { headers } = await actingAs(services, ['*'])
  const me = requester(app, headers)
  for (const name of [
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    'ádà 🗝 漢字 مفتاح',
    "'; drop table users; --",
    '{{constructor}}',
  ]) {
    const user = await me.put('/api/user', { name })
    const token = await me.post('/api/tokens', { name })
    t.equal(user.json().data.name, name)
    t.equal(token.json().data.name, name)
    for (const answer of [user, token]) {
      t.match(answer.headers, { 'content-type': /^application\/json/, 'x-content-type-options': 'nosniff' })
    }
  }
})

t.test('a new e-mail address needs the password, and is free', async t => {
  const { user, headers } = await actingAs(services, ['user:read'])
  const other = await newUser(services)
  const me = requester(app, headers)
  t.match((await me.put('/api/user', { email: 'new@example.com' })).json(), {
    status: 422,
    errors: [{ path: 'current_password', message: 'is required' }],
  })
  t.match((await me.put('/api/user', { email: 'new@example.com', current_password: 'wrong' })).json(), {
    status: 422,
    errors: [{ path: 'current_password', message: 'is wrong' }],
  })
  const current_password = PASSWORD
  for (const email of [other.email, other.email.toUpperCase()]) {
    t.match((await me.put('/api/user', { email, current_password })).json().errors, [
      { path: 'email', message: 'is taken' },
    ])
  }
  for (const email of ['', 'x', '@', 'a@', '@b', 'a b@c', 'a@b@c', `${'a'.repeat(65)}@b`, `a@${'b'.repeat(254)}`]) {
    t.equal((await me.put('/api/user', { email, current_password })).statusCode, 422, email)
  }
  t.match((await me.put('/api/user', { email: 'New@Example.com', current_password })).json(), {
    data: { email: 'new@example.com' },
  })
  t.equal((await signIn('new@example.com', PASSWORD)).statusCode, 201)
  t.equal((await signIn(user.email, PASSWORD)).statusCode, 401)
})

t.test('a password is changed by whoever knows it', async t => {
  const { user, headers } = await actingAs(services)
  const me = requester(app, headers)
  const put = (body: object) => me.put('/api/user/password', { current_password: PASSWORD, ...body })
  const refused: [object, string][] = [
    [{}, 'password'],
    [{ password: 'short' }, 'password'],
    [{ password: 'x'.repeat(1_025) }, 'password'],
    [{ password: 'a new password', password_confirmation: 'another' }, 'password_confirmation'],
    [{ password: 'a new password', current_password: 'wrong' }, 'current_password'],
    [{ password: 'a new password', current_password: undefined }, 'current_password'],
    [{ password: 'a new password', user_id: user.id }, 'user_id'],
  ]
  for (const [body, path] of refused) {
    const answer = await put(body)
    t.equal(answer.statusCode, 422, JSON.stringify(body))
    t.match(answer.json().errors, [{ path }])
  }
  t.equal((await put({ password: 'a new password', password_confirmation: 'a new password' })).statusCode, 204)
  t.equal((await signIn(user.email, PASSWORD)).statusCode, 401)
  t.equal((await signIn(user.email, 'a new password')).statusCode, 201)
  t.equal((await me.get('/api/user')).statusCode, 200, 'tokens stay as they are')
})

t.test('nothing that a user may not decide is taken from a body', async t => {
  const { headers } = await actingAs(services, ['user:read'])
  for (const field of ['role', 'id', 'disabled_at', 'password', 'passwordHash', 'created_at']) {
    const answer = await requester(app, headers).put('/api/user', { name: 'x', [field]: 'admin' })
    t.match(answer.json(), { status: 422, errors: [{ path: field, message: 'is not known' }] })
  }
  t.match((await requester(app, headers).get('/api/user')).json(), { data: { role: 'user', name: 'Ada Lovelace' } })
})

t.test('nobody without a token', async t => {
  for (const headers of [{}, bearer('nonsense')]) {
    const them = requester(app, headers)
    t.equal((await them.get('/api/user')).statusCode, 401)
    t.equal((await them.put('/api/user', { name: 'x' })).statusCode, 401)
    t.equal((await them.put('/api/user/password', { current_password: 'x', password: 'long enough' })).statusCode, 401)
  }
})
