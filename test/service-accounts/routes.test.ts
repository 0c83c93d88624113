import t from 'tap'
import { actingAs, newUser, PASSWORD, testApp } from '../helpers/app.ts'
import { opens } from '../helpers/granted-tokens.ts'
import { requester } from '../helpers/requester.ts'
import { administrator, newServiceAccount } from '../helpers/service-accounts.ts'

const MANAGES = ['tokens:read', 'tokens:write', 'orders:read', 'orders:create']

t.test('administrators create, find, change, disable and enable accounts', async t => {
  const { app, services } = await testApp(t)
  const as = (headers: Record<string, string>) => requester(app, headers)
  const { headers } = await administrator(services)
  const ada = await newUser(services)
  const body = { name: 'Deployments', description: 'Deploys', maintainers: [ada.id], allowed_scopes: ['orders:read'] }
  const created = await as(headers).post('/admin/service-accounts', body)
  t.equal(created.statusCode, 201, created.body)
  const { id, ...data } = created.json().data
  t.match(data, {
    name: 'Deployments',
    role: 'user',
    disabled_at: null,
    live_tokens: 0,
    allowed_scopes: ['orders:read', 'tokens:rotate'],
  })
  t.match(data.maintainers, [{ id: ada.id, email: ada.email, disabled: false }])
  const path = `/admin/service-accounts/${id}`
  t.match((await as(headers).get('/admin/service-accounts?search=PLOY')).json(), { data: [{ id }] })
  t.match((await as(headers).get('/admin/service-accounts?search=other')).json(), { data: [] })
  t.match((await as(headers).get(path)).json(), { data: { id, description: 'Deploys' } })
  const changed = await as(headers).patch(path, { name: 'Releases', allowed_scopes: null })
  t.match(changed.json(), { data: { name: 'Releases', description: 'Deploys', allowed_scopes: null } }, changed.body)

  const renamed = await as(headers).patch(path, { name: 'Releases' })
  t.match(renamed.json(), { data: { allowed_scopes: null } })
  const [event] = await services.auditLog.list({ userId: id }, { limit: 1 })
  t.strictSame(event?.details, { fields: ['name'] }, 'what is not given is not written back')

  const issued = await as(headers).post(`${path}/tokens`, { name: 'ci', scopes: ['orders:read'] })
  t.equal(issued.statusCode, 201, issued.body)
  const { token } = issued.json()
  t.equal(await opens(app, token), 200)
  t.type((await as(headers).post(`${path}/disable`)).json().data.disabled_at, 'string')
  t.equal(await opens(app, token), 401, 'at once')
  t.equal((await as(headers).post(`${path}/tokens`, { name: 'ci' })).statusCode, 409)
  t.equal((await as(headers).post(`${path}/enable`)).json().data.disabled_at, null)
  t.equal(await opens(app, token), 200)
  const audit = await as(headers).get(`/admin/audit?user_id=${id}`)
  t.strictSame(
    audit.json().data.map((event: { kind: string }) => event.kind),
    [
      'service_account.enabled',
      'service_account.disabled',
      'token.issued',
      'service_account.changed',
      'service_account.changed',
      'service_account.created',
    ],
  )
})

t.test('what is wrong is said', async t => {
  const { app, services } = await testApp(t)
  const as = (headers: Record<string, string>) => requester(app, headers)
  const { headers } = await administrator(services)
  const { account, person } = await newServiceAccount(services)
  const disabled = await newUser(services)
  await services.users.disable(disabled.id)
  const refused = async (payload: object) =>
    (await as(headers).post('/admin/service-accounts', { name: 'x', maintainers: [person.id], ...payload })).json()
  t.match(await refused({ name: ' ' }), { errors: [{ path: 'name' }] })
  t.match(await refused({ maintainers: [] }), { status: 422 })
  t.match(await refused({ maintainers: [person.id, disabled.id] }), { errors: [{ path: 'maintainers/1' }] })
  t.match(await refused({ maintainers: [account.id] }), { errors: [{ path: 'maintainers/0' }] }, 'no person')
  t.match(await refused({ allowed_scopes: ['admin:read'] }), { errors: [{ path: 'allowed_scopes' }] })
  t.match(await refused({ allowed_scopes: ['nothing'] }), { status: 422 })
  t.match(await refused({ description: 'a\u202eb' }), { errors: [{ path: 'description' }] })
  t.match(await refused({ password: PASSWORD }), { status: 422 })
  t.equal((await as(headers).get('/admin/service-accounts/nobody')).statusCode, 404)
  t.equal((await as(headers).get(`/admin/service-accounts/${person.id}`)).statusCode, 404, 'a person')
  t.equal((await as(headers).get(`/admin/users/${account.id}`)).statusCode, 404, 'no person')
  const { data } = (await as(headers).get('/admin/users?limit=100')).json()
  t.notOk(data.some((user: { id: string }) => user.id === account.id))
  const user = await actingAs(services, ['tokens:read'])
  t.equal((await as(user.headers).get('/admin/service-accounts')).statusCode, 403)
})

t.test('administrative scopes are for the role admin, also when both change at once', async t => {
  const { app, services } = await testApp(t)
  const { headers } = await administrator(services)
  for (let i = 0; i < 5; i++) {
    const { account } = await newServiceAccount(services)
    const path = `/admin/service-accounts/${account.id}`
    const patch = (payload: object) => requester(app, headers).patch(path, payload)
    await patch({ role: 'admin' })
    const answers = await Promise.all([patch({ allowed_scopes: ['admin:read'] }), patch({ role: 'user' })])
    t.strictSame(answers.map(({ statusCode }) => statusCode).sort(), [200, 422])
  }
})

t.test('maintainers list, create, rotate, suspend and revoke tokens; others see nothing', async t => {
  const { app, services } = await testApp(t)
  const as = (headers: Record<string, string>) => requester(app, headers)
  const { account, person } = await newServiceAccount(services)
  const hers = await actingAs(services, MANAGES, { user: person })
  const path = `/api/service-accounts/${account.id}`
  t.match((await as(hers.headers).get('/api/service-accounts')).json(), { data: [{ id: account.id }] })
  const issued = await as(hers.headers).post(`${path}/tokens`, { name: 'ci', scopes: ['orders:read', 'tokens:rotate'] })
  t.equal(issued.statusCode, 403, 'the token of the maintainer lacks tokens:rotate')
  const made = await as(hers.headers).post(`${path}/tokens`, { name: 'ci', scopes: ['orders:read'] })
  t.equal(made.statusCode, 201, made.body)
  t.match(made.json().user, { id: account.id, name: account.name })
  const { id } = made.json().data
  const own = await app.inject({ url: '/api/user', headers: { authorization: `Bearer ${made.json().token}` } })
  t.strictSame(own.json(), { data: { id: account.id } })
  const listed = (await as(hers.headers).get(`${path}/tokens`)).json()
  t.match(listed, { data: [{ id, name: 'ci', unused_scopes: ['orders:read'] }] })
  t.type(listed.data[0].last_used_at, 'string', 'usage')
  t.match((await as(hers.headers).get(`${path}/tokens/${id}`)).json(), { data: { id, issued_tokens: 0 } })
  await as(hers.headers).patch(`${path}/tokens/${id}`, { suspended: true })
  t.equal(await opens(app, made.json().token), 401, 'suspended')
  await as(hers.headers).patch(`${path}/tokens/${id}`, { suspended: false, name: 'deploy' })
  const rotated = await as(hers.headers).post(`${path}/tokens/${id}/rotate`)
  t.match(rotated.json(), { data: { name: 'deploy', scopes: ['orders:read'] } }, rotated.body)
  t.equal(await opens(app, made.json().token), 401)
  t.equal(await opens(app, rotated.json().token), 200)
  t.equal((await as(hers.headers).delete(`${path}/tokens/${rotated.json().data.id}`)).statusCode, 204)
  t.equal(await opens(app, rotated.json().token), 401)

  const other = await actingAs(services, MANAGES)
  for (const url of [path, `${path}/tokens`, `${path}/tokens/${id}`])
    t.equal((await as(other.headers).get(url)).statusCode, 404, url)
  t.equal((await as(other.headers).post(`${path}/tokens`, { name: 'x' })).statusCode, 404)
  t.equal((await as(other.headers).delete(`${path}/tokens/${id}`)).statusCode, 404)
  const reads = await actingAs(services, ['tokens:read'], { user: person })
  t.equal((await as(reads.headers).post(`${path}/tokens`, { name: 'x' })).statusCode, 403)
  const owns = await actingAs(services, MANAGES, { user: person })
  t.equal((await as(hers.headers).get(`${path}/tokens/${owns.id}`)).statusCode, 404, 'a token of the person')
})

t.test('tokens get no scope that neither the maintainer has nor the account may have', async t => {
  const { app, services } = await testApp(t)
  const as = (headers: Record<string, string>) => requester(app, headers)
  const { account, person } = await newServiceAccount(services, undefined, ['orders:read', 'tokens:write'])
  const hers = await actingAs(services, [...MANAGES, 'tokens:rotate'], { user: person })
  const path = `/api/service-accounts/${account.id}/tokens`
  const asked = (scopes?: string[]) => as(hers.headers).post(path, { name: 'ci', scopes })
  const beyond = await asked(['orders:create'])
  t.match(beyond.json(), { status: 422, detail: /orders:create: the owner of the token is not allowed/ }, beyond.body)
  t.equal((await asked(['*'])).statusCode, 422)
  t.match(
    (await asked()).json(),
    { data: { scopes: ['orders:read', 'tokens:rotate'] } },
    'the defaults that it may have',
  )
  const narrow = await actingAs(services, ['tokens:write'], { user: person })
  const lacking = await as(narrow.headers).post(path, { name: 'ci', scopes: ['orders:read'] })
  t.match(lacking.json(), { status: 403, missing: ['orders:read'] }, lacking.body)

  const admin = await administrator(services)
  const manage = `/admin/service-accounts/${account.id}`
  const refused = await as(admin.headers).post(`${manage}/tokens`, { name: 'ci', scopes: ['admin:read'] })
  t.equal(refused.statusCode, 422, 'not for the role user')
  await as(admin.headers).patch(manage, { role: 'admin', allowed_scopes: null })
  const issued = await as(admin.headers).post(`${manage}/tokens`, { name: 'ci', scopes: ['admin:read'] })
  t.equal(issued.statusCode, 201, issued.body)
  t.equal((await asked(['admin:read'])).statusCode, 403, 'not by a maintainer who is no administrator')
  const stolen = await as(hers.headers).post(`${path}/${issued.json().data.id}/rotate`)
  t.equal(stolen.statusCode, 403, 'nor by a rotation')
  const reader = await actingAs(services, ['admin:write'], { role: 'admin' })
  const read = await as(reader.headers).post(`${manage}/tokens`, { name: 'ci', scopes: ['admin:read'] })
  t.equal(read.statusCode, 403, 'nor by an administrator whose token lacks it')
  const adminToken = `${manage}/tokens/${issued.json().data.id}`
  t.equal((await as(admin.headers).patch(adminToken, { suspended: true })).statusCode, 200)
  t.equal((await as(reader.headers).patch(adminToken, { suspended: false })).statusCode, 403, 'nor by resuming it')
  t.equal((await as(hers.headers).patch(`${path}/${issued.json().data.id}`, { suspended: false })).statusCode, 403)
  t.equal((await as(admin.headers).patch(adminToken, { suspended: false })).statusCode, 200)
  const used = { authorization: `Bearer ${issued.json().token}` }
  t.equal((await as(used).get('/admin/users')).statusCode, 200)
  t.equal((await as(admin.headers).patch(manage, { role: 'user' })).statusCode, 200)
  t.equal((await as(used).get('/admin/users')).statusCode, 403, 'without the role, at once')
  t.equal(
    (await as(admin.headers).post(`/admin/users/${admin.user.id}/disable`)).statusCode,
    200,
    'another one is left',
  )
})

t.test('nobody signs in as a service account, and it changes nothing about itself', async t => {
  const { app, services } = await testApp(t)
  const as = (headers: Record<string, string>) => requester(app, headers)
  const { account } = await newServiceAccount(services)
  const issued = await services.tokens.issuePersonal({ user: account, name: 'ci', scopes: ['*', 'user:read'] })
  const headers = { authorization: `Bearer ${issued.plainText}` }
  t.match((await as(headers).get('/api/user')).json(), {
    data: { id: account.id, name: account.name, email: `${account.id}@service-account.invalid` },
  })
  t.equal((await as(headers).put('/api/user', { name: 'Eve' })).statusCode, 403)
  const password = { current_password: PASSWORD, password: `${PASSWORD} 2` }
  t.equal((await as(headers).put('/api/user/password', password)).statusCode, 403)
  const credentials = { email: account.email, password: PASSWORD, name: 'x' }
  t.equal((await as({}).post('/api/tokens', credentials)).statusCode, 401)
  t.equal((await services.users.findByEmail(account.email))?.id, undefined)
  await t.rejects(services.users.setPassword(account.id, `${PASSWORD} 2`), { status: 404 } as never)
  const owner = await services.users.findOwner(account.id)
  await t.rejects(services.accountMail.inviteAgain(owner), { status: 404 } as never)
  const device = { address: '192.0.2.1', userAgent: 'test', newDevice: undefined }
  await t.rejects(services.sessions.create(owner, device), { status: 401 } as never)
  const admin = await administrator(services)
  for (const act of ['invitation', 'sign-out', 'unlock', 'disable'])
    t.equal((await as(admin.headers).post(`/admin/users/${account.id}/${act}`)).statusCode, 404, act)
  t.equal((await as(admin.headers).patch(`/admin/users/${account.id}`, { role: 'admin' })).statusCode, 404)
})

t.test('tokens are listed as the query says, and changed only as they were read', async t => {
  const { app, services } = await testApp(t)
  const { headers } = await administrator(services)
  const me = requester(app, headers)
  const ada = await newUser(services)
  const { id } = (await me.post('/admin/service-accounts', { name: 'Deployments', maintainers: [ada.id] })).json().data
  const path = `/admin/service-accounts/${id}/tokens`
  for (const name of ['b', 'a', 'c']) await me.post(path, { name, scopes: [] })
  const names = async (query: string) =>
    (await me.get(`${path}?${query}`)).json().data.map((token: { name: string }) => token.name)
  t.strictSame(await names('sort=name'), ['a', 'b', 'c'])
  t.strictSame(await names('search=B'), ['b'])

  const token = `${path}/${(await me.get(path)).json().data[0].id}`
  const { etag } = (await me.get(token)).headers
  const change = (name: string) =>
    app.inject({ method: 'PATCH', url: token, headers: { ...headers, 'if-match': etag as string }, payload: { name } })
  t.equal((await change('first')).statusCode, 200)
  t.equal((await change('second')).statusCode, 412)
})
