import { decodeJwt } from 'jose'
import t from 'tap'
import { actingAs, newUser, testApp } from '../helpers/app.ts'
import { testNodes } from '../helpers/nodes.ts'

const { app, services } = await testApp(t)
const admin = await actingAs(services, ['admin:read', 'admin:write'], { role: 'admin' })
const { headers } = admin
const BASE = '/admin/users/by-subject'
const of = (subject: string, rest = '') => `${BASE}/${encodeURIComponent(subject)}${rest}`
const send = (method: 'GET' | 'POST' | 'DELETE', url: string, payload?: object) =>
  app.inject({ method, url, headers, ...(payload && { payload }) })
const issue = (subject: string, more: object = {}) =>
  send('POST', of(subject, '/tokens'), { name: 'ci', scopes: ['orders:read', 'user:read'], ...more })
const me = (token: string) => app.inject({ url: '/api/user', headers: { authorization: `Bearer ${token}` } })

t.test('a backend issues, lists, rotates and revokes tokens by its own ids', async t => {
  const issued = (await issue('42')).json()
  t.match(issued, { data: { name: 'ci' }, user: { id: '42', name: '42', email: null, role: 'user' } })
  t.equal(decodeJwt(issued.token).sub, '42')
  t.match((await me(issued.token)).json(), { data: { id: '42' } })
  t.match((await send('GET', of('42', '/tokens'))).json(), { data: [{ id: issued.data.id }] })
  const rotated = (await send('POST', of('42', `/tokens/${issued.data.id}/rotate`))).json()
  t.equal((await me(issued.token)).statusCode, 401)
  t.equal(decodeJwt(rotated.token).sub, '42')
  t.equal((await send('DELETE', of('43', `/tokens/${rotated.data.id}`))).statusCode, 404)
  t.equal((await send('DELETE', of('42', `/tokens/${rotated.data.id}`))).statusCode, 204)
  t.equal((await me(rotated.token)).statusCode, 401)
  const others = [await issue('42'), await issue('42')]
  t.match((await send('DELETE', of('42', '/tokens'))).json(), { data: { count: 2 } })
  for (const other of others) t.equal((await me(other.json().token)).statusCode, 401)
})

t.test('users are disabled, enabled and removed', async t => {
  const { token } = (await issue('50')).json()
  t.match((await send('POST', of('50', '/disable'))).json(), { data: { id: '50', disabled_at: String } })
  t.equal((await me(token)).statusCode, 401)
  t.equal((await issue('50')).statusCode, 409)
  t.match((await send('POST', of('50', '/enable'))).json(), { data: { id: '50', disabled_at: null } })
  t.equal((await me(token)).statusCode, 200)
  t.equal((await send('DELETE', of('50'))).statusCode, 204)
  t.equal((await me(token)).statusCode, 401)
  t.match((await send('GET', of('50'))).json(), { data: { id: '50', disabled_at: String } })
  t.equal((await send('GET', of('never'))).statusCode, 404)
  t.equal((await send('POST', of('never', '/enable'))).statusCode, 404)
  t.match((await send('GET', of('never', '/tokens'))).json(), { data: [] })
})

t.test('listings and the audit log name the user by the same id', async t => {
  const issued = (await issue('60')).json()
  t.match((await send('GET', '/admin/tokens?user_id=60')).json(), { data: [{ id: issued.data.id, user_id: '60' }] })
  const trail = (await send('GET', '/admin/audit?user_id=60')).json()
  t.same(new Set(trail.data.map(({ user_id }: { user_id: string }) => user_id)), new Set(['60']))
  t.match(await send('GET', '/admin/users/60'), { statusCode: 200 })
  const users = (await send('GET', '/admin/users?limit=100')).json()
  t.ok(users.data.some(({ id }: { id: string }) => id === '60'))
  const renamed = await app.inject({
    method: 'PATCH',
    url: '/admin/users/60',
    headers,
    payload: { email: 'x@example.com' },
  })
  t.equal(renamed.statusCode, 409)
})

t.test('ids of every shape', async t => {
  for (const subject of [
    'a/b',
    '../x',
    '%2e%2e',
    '%',
    'ä',
    '用户',
    'a b',
    'x'.repeat(255),
    '用'.repeat(255),
    'a?b#c',
    'tokens',
    'by-subject',
  ]) {
    const issued = await issue(subject)
    t.equal(issued.statusCode, 201, subject.slice(0, 20))
    t.equal(decodeJwt(issued.json().token).sub, subject)
    t.match((await send('GET', of(subject, '/tokens'))).json(), { data: [{ id: issued.json().data.id }] })
  }
  for (const subject of ['%00', '%0A', '%20x', '%E2%80%8B', 'x'.repeat(256)]) {
    const answer = await send('POST', `${BASE}/${subject}/tokens`, { name: 'ci' })
    t.ok([404, 422].includes(answer.statusCode), `${subject.slice(0, 9)}: ${answer.statusCode}`)
  }
  const long = await send('POST', `${BASE}/${'x'.repeat(10_000)}/tokens`, { name: 'ci' })
  t.ok(long.statusCode >= 400 && long.statusCode < 500)
  t.equal((await send('POST', `${BASE}/%E0%A4%A/tokens`, { name: 'ci' })).statusCode, 400)
})

t.test('no id names two users or clients', async t => {
  const local = await newUser(services)
  t.equal((await issue(local.id)).statusCode, 409, 'a user of this server')
  const { client } = await services.clients.create({ name: 'Job', grantTypes: ['client_credentials'] })
  t.equal((await issue(client.id)).statusCode, 409, 'a client')
  t.equal((await send('POST', of(local.id, '/disable'))).statusCode, 409)
  t.equal((await services.users.find(local.id)).disabledAt, null)

  const uuid = '01939f4e-8a4c-4b60-b5a4-6f6d5c3f2a10'
  const { user } = (await issue(uuid)).json()
  t.equal(user.id, uuid, 'an application may have UUIDs')
  const taken = { message: /that of another user or client/ }
  const clientRow = `insert into oauth_clients (id, name, auth_method, secrets, redirect_uris, grant_types, token_format, created_at, updated_at)
    values (?, 'x', 'none', '[]', '[]', '[]', 'jwt', now(), now())`
  await t.rejects(services.db.query(clientRow, [uuid]), taken, 'no client gets it later')
  await t.rejects(services.db.query('update users set id = ? where id = ?', [uuid, local.id]), taken)
  await t.rejects(services.db.query('update users set subject = ? where id = ?', ['another', local.id]), {
    message: /derived id/,
  })

  const row = await services.userIds.rowOf(uuid)
  t.not(row, uuid)
  t.equal((await send('GET', `/admin/users/${row}`)).statusCode, 404, 'the row is nobody’s name')
  t.equal((await issue(row)).statusCode, 201, 'and free for another id of the application')
})

t.test('only administrators manage users, and nobody gets more than they have', async t => {
  const user = await actingAs(services, ['*'])
  const reader = await actingAs(services, ['admin:read'], { role: 'admin' })
  for (const { headers } of [user, reader]) {
    const answer = await app.inject({ method: 'POST', url: of('42', '/tokens'), headers, payload: { name: 'x' } })
    t.equal(answer.statusCode, 403)
  }
  t.equal((await issue('42', { scopes: ['admin:read'] })).statusCode, 422, 'a subject is no administrator')
  t.equal((await app.inject({ method: 'DELETE', url: of('42') })).statusCode, 401)
})

t.test('two nodes create one user, and obey each other', async t => {
  const [one, two] = await testNodes(t)
  const tokens = await Promise.all(
    [one, two, one, two].map(({ services }) => services.ownTokens.issue('42', { name: 'ci' })),
  )
  t.equal(new Set(tokens.map(({ user }) => user.id)).size, 1)
  const { token = '' } = tokens[0] ?? {}
  const status = () =>
    Promise.resolve(two.services.authenticate(token)).then(
      found => found.userId,
      error => error.status,
    )
  t.equal(await status(), '42')
  await one.services.ownUsers.disable('42')
  t.equal(await status(), 401)
})
