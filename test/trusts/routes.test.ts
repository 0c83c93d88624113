import t from 'tap'
import { actingAs, newUser, testApp } from '../helpers/app.ts'

const { app, services } = await testApp(t)
const admin = await actingAs(services, ['admin:read', 'admin:write'], { role: 'admin' })
const reader = await actingAs(services, ['admin:read'], { role: 'admin' })
const user = await newUser(services)
const VALID = {
  issuer: 'https://token.actions.githubusercontent.com',
  match: { repository: 'acme/shop' },
  user_id: user.id,
  scopes: ['orders:read'],
}

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE'
const call = (method: Method, path = '', payload?: object, { headers } = admin) =>
  app.inject({ method, url: `/admin/trusts${path}`, headers, ...(payload && { payload }) })

t.test('create, read, list, change and remove', async t => {
  const created = await call('POST', '', VALID)
  t.equal(created.statusCode, 201)
  const { data } = created.json()
  t.match(data, {
    ...VALID,
    name: 'acme/shop',
    audience: 'http://localhost:3000',
    pin: [],
    pinned: null,
    client_id: null,
    jwks_uri: null,
    lifetime: 900,
  })
  t.strictSame((await call('GET', `/${data.id}`)).json().data, data)
  t.strictSame((await call('GET')).json().data, [data])
  const changed = await call('PATCH', `/${data.id}`, { pin: ['repository_id'], lifetime: 60 })
  t.match(changed.json(), { revoked: 0, data: { pin: ['repository_id'], lifetime: 60 } })
  t.match((await call('DELETE', `/${data.id}`)).json(), { revoked: 0, data: { id: data.id } })
  for (const method of ['GET', 'PATCH', 'DELETE'] as const) {
    for (const id of [data.id, 'x']) {
      t.equal((await call(method, `/${id}`, method === 'PATCH' ? {} : undefined)).statusCode, 404, `${method} ${id}`)
    }
  }
  const kinds = (await services.auditLog.list({ userId: user.id }, { limit: 10 })).map(event => event.kind)
  t.strictSame(kinds.slice(0, 3), ['trust.removed', 'trust.changed', 'trust.created'])
})

t.test('two changes at once: both hold', async t => {
  const { data } = (await call('POST', '', { ...VALID, scopes: ['orders:read', 'reports'] })).json()
  const changes = [{ scopes: ['orders:read'], match: { repository: 'acme/shop', ref: 'main' } }, { name: 'Shop' }]
  for (const response of await Promise.all(changes.map(change => call('PATCH', `/${data.id}`, change)))) {
    t.equal(response.statusCode, 200, response.body)
  }
  const { updated_at, ...rest } = (await call('GET', `/${data.id}`)).json().data
  t.ok(updated_at)
  const { updated_at: _, ...before } = data
  t.strictSame(rest, { ...before, ...changes[0], ...changes[1] })
  await call('DELETE', `/${data.id}`)
})

t.test('an empty change changes nothing, and a name alone only the name', async t => {
  const owner = await newUser(services)
  const { data } = (await call('POST', '', { ...VALID, user_id: owner.id })).json()
  t.strictSame((await call('PATCH', `/${data.id}`, {})).json(), { data, revoked: 0 })
  const events = await services.auditLog.list({ userId: owner.id, kind: 'trust.changed' }, { limit: 1 })
  t.strictSame(events, [])
  // The rest is not checked again, so that a trust which no longer works can be named so.
  await services.users.disable(owner.id)
  t.match((await call('PATCH', `/${data.id}`, { name: ' Old ' })).json(), { data: { name: 'Old' }, revoked: 0 })
  t.match((await call('PATCH', `/${data.id}`, { name: ' ' })).json(), { status: 422, errors: [{ path: 'name' }] })
  await call('DELETE', `/${data.id}`)
})

t.test('a trust grants administrative scopes only by a token that has them', async t => {
  const writer = await actingAs(services, ['admin:write'], { role: 'admin' })
  const powerful = { ...VALID, user_id: admin.user.id, scopes: ['orders:read', 'admin:read'] }
  const created = await call('POST', '', powerful, writer)
  t.match(
    { status: created.statusCode, ...created.json() },
    { status: 403, type: 'urn:postern:error:insufficient_scope', missing: ['admin:read'] },
    created.body,
  )
  t.strictSame((await call('GET')).json().data, [])

  const plain = (await call('POST', '', { ...powerful, scopes: ['orders:read'] }, writer)).json().data
  const { data } = (await call('POST', '', powerful)).json()
  const elsewhere = { issuer: 'https://evil.example.com' }
  t.equal((await call('PATCH', `/${plain.id}`, { scopes: powerful.scopes }, writer)).statusCode, 403)
  t.equal((await call('PATCH', `/${data.id}`, elsewhere, writer)).statusCode, 403, 'for other workloads')
  t.strictSame((await call('GET')).json().data, [plain, data])

  t.equal((await call('PATCH', `/${data.id}`, { name: 'Chief' }, writer)).statusCode, 200)
  t.equal((await call('PATCH', `/${plain.id}`, { scopes: powerful.scopes })).statusCode, 200)
  t.equal((await call('PATCH', `/${data.id}`, { scopes: ['orders:read'] }, writer)).statusCode, 200)
  for (const { id } of [plain, data]) await call('DELETE', `/${id}`)
})

t.test('only administrators', async t => {
  t.equal((await call('POST', '', VALID, reader)).statusCode, 403)
  t.equal((await call('GET', '', undefined, reader)).statusCode, 200)
  const someone = await actingAs(services, ['orders:read'])
  t.equal((await call('GET', '', undefined, someone)).statusCode, 403)
  t.equal((await app.inject('/admin/trusts')).statusCode, 401)
})

t.test('what is not accepted', async t => {
  const own = await services.clients.create({ name: 'Own', userId: user.id, grantTypes: [] })
  const narrow = await services.clients.create({ name: 'Narrow', grantTypes: [], scopes: ['reports'] })
  const gone = await newUser(services)
  await services.users.disable(gone.id)
  const { user_id, ...unowned } = VALID
  t.ok(user_id)
  const cases: [string, object, string][] = [
    ['no https', { issuer: 'http://ci.example.com' }, 'issuer'],
    ['loopback', { issuer: 'http://127.0.0.1:8080' }, 'issuer'],
    ['not a URL', { issuer: 'github' }, 'issuer'],
    ['a query', { issuer: 'https://ci.example.com/?a=b' }, 'issuer'],
    ['this deployment', { issuer: 'http://localhost:3000' }, 'issuer'],
    ['a key set inside', { jwks_uri: 'ftp://ci.example.com/keys' }, 'jwks_uri'],
    ['no claims', { match: {} }, 'match'],
    ['any value', { match: { repository: '*', ref: '*:*' } }, 'match'],
    ['an empty value', { match: { repository: '' } }, 'match/repository'],
    ['a claim with a space', { match: { 'a b': 'c' } }, 'match'],
    ['too long', { lifetime: 3_601 }, 'lifetime'],
    ['too short', { lifetime: 0 }, 'lifetime'],
    ['an unknown scope', { scopes: ['nope'] }, 'scopes'],
    ['no scope', { scopes: [] }, 'scopes'],
    ['every scope', { scopes: ['*'] }, 'scopes'],
    ['a scope to replace itself', { scopes: ['tokens:rotate'] }, 'scopes'],
    ['an administrative scope for a user', { scopes: ['admin:write'] }, 'scopes'],
    ['user and app', { client_id: narrow.client.id }, 'client_id'],
    ['a disabled user', { user_id: gone.id }, 'user_id'],
    ['an unknown user', { user_id: '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a10' }, 'user_id'],
    ['a field that does not exist', { secret: 'x' }, ''],
  ]
  for (const [name, change, path] of cases) {
    const response = await call('POST', '', { ...VALID, ...change })
    t.equal(response.statusCode, 422, `${name}: ${response.body}`)
    if (path)
      t.ok(
        response.json().errors.some((e: { path: string }) => e.path.startsWith(path)),
        `${name}: ${response.body}`,
      )
  }
  for (const [name, owner, path] of [
    ['nobody', {}, 'user_id'],
    ['an app of a user', { client_id: own.client.id }, 'client_id'],
    ['a scope that the app lacks', { client_id: narrow.client.id }, 'scopes'],
    ['an administrative scope for an app', { client_id: narrow.client.id, scopes: ['admin:read'] }, 'scopes'],
  ] as const) {
    const response = await call('POST', '', { ...unowned, ...owner })
    t.match({ status: response.statusCode, ...response.json() }, { status: 422, errors: [{ path }] }, name)
  }
  t.strictSame((await call('GET')).json().data, [])
})
