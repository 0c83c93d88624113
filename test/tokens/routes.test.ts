import t from 'tap'
import { v7 as uuid } from 'uuid'
import { actingAs, newUser, PASSWORD, testApp } from '../helpers/app.ts'
import { expire } from '../helpers/expiry.ts'
import { basic, form } from '../helpers/oauth.ts'
import { bearer, requester } from '../helpers/requester.ts'

const { app, services } = await testApp(t)
const ids = (data: { id: string }[]) => data.map(token => token.id)

t.test('a token is issued for e-mail and password, used, and revoked', async t => {
  const user = await newUser(services)
  const payload = { email: user.email, password: PASSWORD, device_name: 'laptop', scopes: ['user:read'] }
  const issued = await requester(app).post('/api/tokens', payload)
  t.equal(issued.statusCode, 201)
  t.equal(issued.headers['cache-control'], 'no-store')
  const me = requester(app, bearer(issued.json().token))
  t.match((await me.get('/api/user')).json(), { data: { id: user.id, email: user.email } })
  t.equal((await me.delete('/api/tokens/current')).statusCode, 204)
  const refused = await me.get('/api/user')
  t.equal(refused.statusCode, 401)
  t.match(refused.headers['www-authenticate'], 'error="invalid_token"')
})

t.test('a list has pages, newest first, and never the plain text', async t => {
  const first = await actingAs(services, ['tokens:read'])
  const others = []
  for (let i = 0; i < 4; i++)
    others.push(await actingAs(services, [], { user: first.user, format: i % 2 ? 'opaque' : 'jwt' }))
  const newestFirst = [...others.map(o => o.id).reverse(), first.id]
  const seen: string[] = []
  let cursor = ''
  do {
    const page = await requester(app, first.headers).get(`/api/tokens?limit=2${cursor}`)
    t.equal(page.statusCode, 200)
    for (const { token } of [first, ...others]) t.notOk(page.body.includes(token))
    const { data, meta } = page.json()
    t.equal(meta.limit, 2)
    seen.push(...ids(data))
    cursor = meta.next_cursor ? `&cursor=${meta.next_cursor}` : ''
  } while (cursor)
  t.strictSame(seen, newestFirst, 'each once, in order')
  const whole = (await requester(app, first.headers).get('/api/tokens')).json()
  t.strictSame(ids(whole.data), newestFirst)
  t.strictSame(whole.meta, { limit: 25, next_cursor: null })
})

t.test('a page that ends with the last token is the last page', async t => {
  const { user, headers } = await actingAs(services, ['tokens:read'])
  await actingAs(services, [], { user })
  const { data, meta } = (await requester(app, headers).get('/api/tokens?limit=2')).json()
  t.equal(data.length, 2)
  t.equal(meta.next_cursor, null)
})

t.test('a list by state, by what is searched, and sorted', async t => {
  const { user, headers, id } = await actingAs(services, ['tokens:read', 'tokens:write'])
  const make = async (name: string) => (await services.tokens.issuePersonal({ user, name, scopes: [] })).token.id
  const suspended = await make('Sleeping')
  const revoked = await make('gone')
  const expired = await make('past')
  const me = requester(app, headers)
  await me.patch(`/api/tokens/${suspended}`, { suspended: true })
  await me.delete(`/api/tokens/${revoked}`)
  await expire(services.db, 'oauth_access_tokens', 'id = ?', [expired])
  const list = async (query: string) => (await me.get(`/api/tokens?${query}`)).json().data
  const states = { active: [id], suspended: [suspended], revoked: [revoked], expired: [expired] }
  for (const [state, wanted] of Object.entries(states)) {
    const found = await list(`state=${state}`)
    t.strictSame(ids(found), wanted, state)
    t.strictSame(
      found.map((token: { state: string }) => token.state),
      [state],
    )
  }
  t.strictSame(ids(await list('state=ended')), [expired, revoked])
  t.strictSame(ids(await list('search=SLEEP')), [suspended])
  t.strictSame(ids(await list('state=ended&sort=name')), [revoked, expired])
  t.strictSame(ids(await list('state=ended&sort=-name')), [expired, revoked])
  const wrong = await me.get('/api/tokens?sort=colour')
  t.equal(wrong.statusCode, 422)
  t.match(wrong.json().errors, [{ path: 'sort', message: /created_at, -created_at/ }])
})

t.test('revoked and expired tokens are listed only when all are asked for', async t => {
  const { user, headers, id } = await actingAs(services, ['tokens:read', 'tokens:write'])
  const revoked = await actingAs(services, [], { user })
  const expired = await actingAs(services, [], { user })
  await requester(app, headers).delete(`/api/tokens/${revoked.id}`)
  await expire(services.db, 'oauth_access_tokens', 'id = ?', [expired.id])
  t.strictSame(ids((await requester(app, headers).get('/api/tokens')).json().data), [id])
  const all = (await requester(app, headers).get('/api/tokens?state=all')).json().data
  t.strictSame(ids(all), [expired.id, revoked.id, id])
  t.match(all, [{ revoked: false }, { revoked: true }, { revoked: false }])
})

t.test('a token of someone else is not there: read, changed, rotated, revoked → 404', async t => {
  const { headers } = await actingAs(services, ['*'])
  const other = await actingAs(services, ['*'])
  const me = requester(app, headers)
  for (const id of [other.id, uuid(), 'current2', '1', '%2e%2e', 'x'.repeat(150)]) {
    const answers = [
      await me.get(`/api/tokens/${id}`),
      await me.patch(`/api/tokens/${id}`, { name: 'mine' }),
      await me.post(`/api/tokens/${id}/rotate`),
      await me.delete(`/api/tokens/${id}`),
    ]
    for (const answer of answers) t.match(answer.json(), { status: 404, type: 'urn:postern:error:not_found' }, id)
    t.strictSame(new Set(answers.map(a => a.body)).size, 1, 'the same whether it exists or not')
  }
  t.notMatch((await me.get('/api/tokens?state=all')).body, other.id)
  t.match((await requester(app, other.headers).get('/api/tokens/current')).json().data, {
    name: 'test',
    revoked: false,
  })
})

t.test('one token is read by its id, a revoked one too', async t => {
  const { user, headers } = await actingAs(services, ['tokens:read', 'tokens:write'])
  const other = await actingAs(services, ['reports'], { user, format: 'opaque' })
  const read = async () => (await requester(app, headers).get(`/api/tokens/${other.id}`)).json().data
  const fields = ['id', 'name', 'client_id', 'scopes', 'format', 'resources', 'state', 'revoked', 'suspended']
  const times = ['created_at', 'updated_at', 'last_used_at', 'last_used_by', 'expires_at']
  t.strictSame(Object.keys(await read()), [...fields, ...times, 'unused_scopes', 'unknown_scopes', 'issued_tokens'])
  t.match(await read(), { id: other.id, scopes: ['reports'], format: 'opaque', revoked: false })
  await requester(app, headers).delete(`/api/tokens/${other.id}`)
  t.match(await read(), { revoked: true })
})

for (const format of ['jwt', 'opaque'] as const) {
  t.test(`revoking one leaves the others, and takes effect on the very next request: ${format}`, async t => {
    const owner = await actingAs(services, ['tokens:write'])
    const one = await actingAs(services, [], { user: owner.user, format })
    const two = await actingAs(services, [], { user: owner.user, format })
    const status = async ({ headers }: { headers: Record<string, string> }) =>
      (await requester(app, headers).get('/api/user')).statusCode
    t.strictSame([await status(one), await status(two)], [200, 200])
    t.equal((await requester(app, owner.headers).delete(`/api/tokens/${one.id}`)).statusCode, 204)
    t.strictSame([await status(one), await status(two)], [401, 200])
    t.equal((await requester(app, owner.headers).delete(`/api/tokens/${one.id}`)).statusCode, 204, 'twice is once')
    t.strictSame([await status(one), await status(two)], [401, 200])
  })

  t.test(`revoking all takes every personal token of the user, and nobody else's: ${format}`, async t => {
    const owner = await actingAs(services, ['tokens:write'], { format })
    const another = await actingAs(services, [], { user: owner.user, format })
    const stranger = await actingAs(services, [], { format })
    for (const who of [owner, another, stranger]) await requester(app, who.headers).get('/api/user')
    const answer = await requester(app, owner.headers).delete('/api/tokens')
    t.strictSame([answer.statusCode, answer.json()], [200, { data: { count: 2 } }])
    for (const who of [owner, another]) t.equal((await requester(app, who.headers).get('/api/user')).statusCode, 401)
    t.equal((await requester(app, stranger.headers).get('/api/user')).statusCode, 200)
  })
}

t.test('the current token needs no scope to look at itself or to go, and one to be replaced', async t => {
  const { id, headers } = await actingAs(services, [])
  t.match((await requester(app, headers).get('/api/tokens/current')).json(), { data: { id, scopes: [] } })
  const refused = await requester(app, headers).post('/api/tokens/current/rotate')
  t.equal(refused.statusCode, 403)
  t.match(refused.headers['www-authenticate'], 'error="insufficient_scope"')
  t.match(refused.headers['www-authenticate'], 'scope="tokens:rotate"')
  t.equal((await requester(app, headers).delete('/api/tokens/current')).statusCode, 204)
  const me = requester(app, (await actingAs(services, ['tokens:rotate'])).headers)
  const { token } = (await me.post('/api/tokens/current/rotate')).json()
  t.equal((await requester(app, bearer(token)).delete('/api/tokens/current')).statusCode, 204)
  t.equal((await requester(app, bearer(token)).get('/api/tokens/current')).statusCode, 401)
})

t.test("a machine's token belongs to no user", async t => {
  const { client, secret } = await services.clients.create({ name: 'A machine' })
  const wish = { grant_type: 'client_credentials', scope: 'tokens:read tokens:write' }
  const { access_token } = (await form(app, '/oauth/token', wish, basic(client.id, secret))).json()
  const machine = requester(app, bearer(access_token))
  t.match((await machine.get('/api/tokens/current')).json(), { data: { client_id: client.id, name: null } })
  const refused = [
    await machine.get('/api/user'),
    await machine.put('/api/user', { name: 'x' }),
    await machine.put('/api/user/password', { current_password: 'x', password: 'long enough' }),
    await machine.get('/api/tokens'),
    await machine.post('/api/tokens', { name: 'x' }),
    await machine.delete('/api/tokens'),
    await machine.post('/api/tokens/current/rotate'),
  ]
  for (const answer of refused) t.match(answer.json(), { status: 403, detail: /belongs to a client, not to a user/ })
  t.equal((await machine.delete('/api/tokens/current')).statusCode, 204)
  t.equal((await machine.get('/api/tokens/current')).statusCode, 401)
})

t.test('a revoked client takes its tokens with it', async t => {
  const { client } = await services.clients.create({ name: 'A machine' })
  const issued = await services.tokens.issuePersonal({ user: await newUser(services), name: 'x' })
  await services.db.query('update oauth_access_tokens set client_id = ? where id = ?', [client.id, issued.token.id])
  const me = requester(app, bearer(issued.plainText))
  t.equal((await me.get('/api/tokens/current')).statusCode, 200)
  await services.clients.revoke(client.id.toUpperCase())
  t.equal((await me.get('/api/tokens/current')).statusCode, 401)
})
