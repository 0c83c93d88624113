import t from 'tap'
import { actingAs, testApp } from '../helpers/app.ts'
import { expire } from '../helpers/expiry.ts'
import { requester } from '../helpers/requester.ts'

const { app, services } = await testApp(t)

for (const format of ['jwt', 'opaque'] as const) {
  t.test(`scopes of a live token are edited, and count on its next use: ${format}`, async t => {
    const edited = await actingAs(services, [], { format })
    const owner = await actingAs(services, ['tokens:write', 'tokens:read', 'orders:create'], { user: edited.user })
    const me = requester(app, owner.headers)
    const it = requester(app, edited.headers)
    t.equal((await it.get('/api/tokens')).statusCode, 403)
    const changed = await me.patch(`/api/tokens/${edited.id}`, { scopes: ['tokens:read', 'orders:create'] })
    t.equal(changed.statusCode, 200)
    t.strictSame(changed.json().data.scopes, ['orders:create', 'tokens:read'])
    t.equal((await it.get('/api/tokens')).statusCode, 200)
    await me.patch(`/api/tokens/${edited.id}`, { scopes: [] })
    t.equal((await it.get('/api/tokens')).statusCode, 403)
    t.strictSame((await it.get('/api/tokens/current')).json().data.scopes, [])
  })

  t.test(`a suspended token opens nothing until it is resumed: ${format}`, async t => {
    const owner = await actingAs(services, ['tokens:write'])
    const other = await actingAs(services, [], { user: owner.user, format })
    const me = requester(app, owner.headers)
    const it = requester(app, other.headers)
    t.equal((await it.get('/api/user')).statusCode, 200)
    t.match((await me.patch(`/api/tokens/${other.id}`, { suspended: true })).json(), { data: { suspended: true } })
    const refused = await it.get('/api/user')
    t.equal(refused.statusCode, 401)
    t.match(refused.headers['www-authenticate'], /error="invalid_token", error_description="[^"]*suspended/)
    t.equal((await me.post(`/api/tokens/${other.id}/rotate`)).statusCode, 409)
    t.match((await me.patch(`/api/tokens/${other.id}`, { suspended: false })).json(), { data: { suspended: false } })
    t.equal((await it.get('/api/user')).statusCode, 200)
  })
}

t.test('a token is resumed only by one that could issue it', async t => {
  const owner = await actingAs(services, ['*', 'admin:read'], { role: 'admin' })
  const { user } = owner
  const paused = await actingAs(services, ['orders:read', 'admin:read'], { user })
  const body = { suspended: true, name: 'leaked' }
  t.equal((await requester(app, owner.headers).patch(`/api/tokens/${paused.id}`, body)).statusCode, 200)
  const narrow = await actingAs(services, ['tokens:write', 'orders:read'], { user })
  const resume = (headers: { authorization: string }, scopes?: string[]) =>
    requester(app, headers).patch(`/api/tokens/${paused.id}`, { suspended: false, ...(scopes && { scopes }) })
  const refused = await resume(narrow.headers)
  t.match(refused.json(), { status: 403, missing: ['admin:read'] }, refused.body)
  const ofApp = await actingAs(services, ['*', 'admin:read'], { user })
  const { client } = await services.clients.create({ name: 'app' })
  await services.db.query('update oauth_access_tokens set client_id = ? where id = ?', [client.id, ofApp.id])
  t.match((await resume(ofApp.headers)).json(), { status: 403, detail: /was issued to an app/ })
  t.equal((await requester(app, paused.headers).get('/api/user')).statusCode, 401)
  t.match((await resume(narrow.headers, ['orders:read'])).json(), {
    data: { scopes: ['orders:read'], suspended: false },
  })
})

t.test('an id is obeyed however it is spelt', async t => {
  const owner = await actingAs(services, ['tokens:write'])
  for (const act of [
    (id: string) => requester(app, owner.headers).patch(`/api/tokens/${id}`, { suspended: true }),
    (id: string) => requester(app, owner.headers).post(`/api/tokens/${id}/rotate`),
    (id: string) => requester(app, owner.headers).delete(`/api/tokens/${id}`),
  ]) {
    const other = await actingAs(services, [], { user: owner.user })
    const it = requester(app, other.headers)
    t.equal((await it.get('/api/user')).statusCode, 200, 'the token is known here')
    t.ok((await act(other.id.toUpperCase())).statusCode < 300)
    t.equal((await it.get('/api/user')).statusCode, 401)
  }
})

t.test('a name is changed and nothing else with it', async t => {
  const owner = await actingAs(services, ['tokens:write', 'tokens:read'])
  const me = requester(app, owner.headers)
  const before = (await me.get(`/api/tokens/${owner.id}`)).json().data
  const after = (await me.patch(`/api/tokens/${owner.id}`, { name: ' renamed ' })).json().data
  t.equal(after.name, 'renamed')
  t.ok(after.updated_at > before.updated_at)
  const { name: _, updated_at: __, ...rest } = after
  t.match(before, { ...rest, last_used_at: /Z$/ })
})

t.test('a change says what it cannot do', async t => {
  const owner = await actingAs(services, ['tokens:write'])
  const me = requester(app, owner.headers)
  const refused: [object, string][] = [
    [{ name: '' }, 'name'],
    [{ name: '   ' }, 'name'],
    [{ name: null }, 'name'],
    [{ scopes: ['nope'] }, 'scopes/0'],
    [{ scopes: 'orders:read' }, 'scopes'],
    [{ suspended: 'yes' }, 'suspended'],
    [{ revoked: true }, 'revoked'],
    [{ expires_at: '2999-01-01T00:00:00Z' }, 'expires_at'],
    [{ user_id: owner.user.id }, 'user_id'],
  ]
  for (const [body, path] of refused) {
    const answer = await me.patch(`/api/tokens/${owner.id}`, body)
    t.equal(answer.statusCode, 422, JSON.stringify(body))
    t.match(answer.json().errors, [{ path }])
  }
})

t.test('nobody but an administrator gets the scopes of administrators by a change', async t => {
  const owner = await actingAs(services, ['*'])
  const other = await actingAs(services, ['orders:read'], { user: owner.user })
  for (const scopes of [['admin:read'], ['admin:write', 'orders:read'], ['*', 'admin:read']]) {
    for (const { id } of [owner, other]) {
      const refused = await requester(app, owner.headers).patch(`/api/tokens/${id}`, { scopes })
      t.ok([403, 422].includes(refused.statusCode), refused.body)
    }
  }
  const current = await requester(app, other.headers).get('/api/tokens/current')
  t.match(current.json(), { data: { scopes: ['orders:read'] } })
})

t.test('a dead token is not changed', async t => {
  const owner = await actingAs(services, ['tokens:write'])
  const me = requester(app, owner.headers)
  const revoked = await actingAs(services, [], { user: owner.user })
  await me.delete(`/api/tokens/${revoked.id}`)
  const answer = await me.patch(`/api/tokens/${revoked.id}`, { suspended: false, name: 'risen' })
  t.match(answer.json(), { status: 409, detail: 'The token has been revoked.' })
  const expired = await actingAs(services, [], { user: owner.user })
  await expire(services.db, 'oauth_access_tokens', 'id = ?', [expired.id])
  t.match((await me.patch(`/api/tokens/${expired.id}`, { name: 'risen' })).json(), {
    status: 409,
    detail: 'The token has expired.',
  })
})
