import t from 'tap'
import { v7 as uuid } from 'uuid'
import { type Actor, actingAs, newUser, testApp } from '../helpers/app.ts'
import { bearer, requester } from '../helpers/requester.ts'

/** What a token with `tokens:write` can reach through the tokens it makes: nothing beyond itself. */

const { app, services } = await testApp(t)

async function holder(scopes: string[], seconds = 3600, role: 'user' | 'admin' = 'user') {
  const user = await newUser(services, role)
  const expiresAt = new Date(Date.now() + seconds * 1000)
  const { plainText, token } = await services.tokens.issuePersonal({ user, name: 'holder', scopes, expiresAt })
  return { user, id: token.id, me: requester(app, bearer(plainText)) }
}

/** Another token of the same user, for a year. */
const another = (of: { user: Actor['user'] }, scopes: string[]) => actingAs(services, scopes, { user: of.user })

t.test('it issues no scope it lacks', async t => {
  const { me } = await holder(['tokens:write', 'orders:read'])
  t.equal((await me.post('/api/tokens', { name: 'x', scopes: ['orders:read', 'tokens:write'] })).statusCode, 201)
  for (const scopes of [['orders:create'], ['*'], ['orders:read', 'reports']]) {
    const answer = await me.post('/api/tokens', { name: 'x', scopes })
    t.equal(answer.statusCode, 403, scopes.join())
    t.match(answer.headers['www-authenticate'], 'error="insufficient_scope"')
  }
  t.strictSame((await me.post('/api/tokens', { name: 'x' })).json().data.scopes, ['orders:read'])
  const none = await holder(['tokens:write'])
  t.strictSame(
    (await none.me.post('/api/tokens', { name: 'x' })).json().data.scopes,
    [],
    'defaults shrink to what it has',
  )
})

t.test('without tokens:write it issues, changes and revokes nothing', async t => {
  const holding = await holder(['tokens:read', 'orders:read'])
  const other = await another(holding, [])
  const refused = await Promise.all([
    holding.me.post('/api/tokens', { name: 'x' }),
    holding.me.patch(`/api/tokens/${other.id}`, { name: 'x' }),
    holding.me.post(`/api/tokens/${other.id}/rotate`),
    holding.me.delete(`/api/tokens/${other.id}`),
    holding.me.delete('/api/tokens'),
  ])
  for (const answer of refused) {
    t.match(
      answer.headers['www-authenticate'],
      /^Bearer realm="postern", error="insufficient_scope", error_description="[^"]+", scope="tokens:write", resource_metadata="/,
    )
    t.equal(answer.statusCode, 403)
  }
  t.equal((await requester(app, other.headers).get('/api/user')).statusCode, 200)
})

t.test('it issues nothing that outlives it', async t => {
  const { me, id } = await holder(['tokens:write'])
  const own = (await me.get('/api/tokens/current')).json().data
  t.equal(own.id, id)
  t.equal((await me.post('/api/tokens', { name: 'x' })).json().data.expires_at, own.expires_at)
  t.equal((await me.post('/api/tokens', { name: 'x', expires_at: own.expires_at })).statusCode, 201)
  const longer = await me.post('/api/tokens', { name: 'x', expires_in: 7200 })
  t.equal(longer.statusCode, 422)
  t.match(longer.json().errors[0], { path: 'expires_at', message: own.expires_at })
})

t.test('it widens no token beyond itself, itself included', async t => {
  const holding = await holder(['tokens:write', 'orders:read'], 400 * 86_400)
  const other = await another(holding, [])
  const widen = (id: string, scopes: string[]) => holding.me.patch(`/api/tokens/${id}`, { scopes })
  t.equal((await widen(other.id, ['orders:read'])).statusCode, 200)
  t.equal((await widen(other.id, ['orders:create'])).statusCode, 403)
  t.equal((await widen(other.id, ['*'])).statusCode, 403)
  t.equal((await widen(holding.id, ['tokens:write', 'orders:create'])).statusCode, 403)
  t.equal((await widen(holding.id, ['tokens:write'])).statusCode, 200)
  t.equal((await widen(holding.id, ['tokens:write', 'orders:read'])).statusCode, 403, 'what it gave up is gone')
})

t.test('it widens no token that lives longer, since the scope would outlive it', async t => {
  const holding = await holder(['tokens:write', 'orders:create', 'reports'])
  const other = await another(holding, ['reports'])
  const refused = await holding.me.patch(`/api/tokens/${other.id}`, { scopes: ['reports', 'orders:create'] })
  t.match(refused.json(), { status: 403, detail: /after the requesting token expires/ })
  t.equal((await holding.me.patch(`/api/tokens/${other.id}`, { scopes: [] })).statusCode, 200, 'it may narrow it')
})

t.test('it rotates no token that can do more, and none into one that outlives it', async t => {
  const holding = await holder(['tokens:write', 'orders:read'])
  const wider = await another(holding, ['orders:create'])
  const longer = await another(holding, ['orders:read'])
  t.equal((await holding.me.post(`/api/tokens/${wider.id}/rotate`)).statusCode, 403)
  t.equal((await requester(app, wider.headers).get('/api/user')).statusCode, 200, 'what was not rotated lives on')
  const own = (await holding.me.get('/api/tokens/current')).json().data
  const successor = await holding.me.post(`/api/tokens/${longer.id}/rotate`)
  t.match(successor.json(), { data: { expires_at: own.expires_at } }, 'no longer than the token that asks')
})

t.test('* passes on everything but the administration', async t => {
  const { me } = await holder(['*'], 3600, 'admin')
  for (const scopes of [['*'], ['orders:create', 'tokens:write'], ['*', 'reports']]) {
    t.equal((await me.post('/api/tokens', { name: 'x', scopes })).statusCode, 201, scopes.join())
  }
  t.equal((await me.post('/api/tokens', { name: 'x', scopes: ['admin:write'] })).statusCode, 403)
})

t.test('who is an administrator no more holds none of its scopes', async t => {
  const holding = await holder(['tokens:write', 'admin:write'], 3600, 'admin')
  t.equal((await holding.me.post('/api/tokens', { name: 'x', scopes: ['admin:write'] })).statusCode, 201)
  await services.db.query("update users set role = 'user' where id = ?", [holding.user.id])
  await services.users.update(holding.user.id, { name: 'Demoted' })
  t.equal((await holding.me.post('/api/tokens', { name: 'x', scopes: ['admin:write'] })).statusCode, 422)
  t.equal((await holding.me.post(`/api/tokens/${holding.id}/rotate`)).statusCode, 403)
})

t.test(
  'tokens of other clients are not personal tokens: not listed, read, changed, rotated or revoked by id',
  async t => {
    const owner = await actingAs(services, ['tokens:read', 'tokens:write'])
    const { client } = await services.clients.create({ name: 'An app' })
    const id = uuid()
    await services.db.query(
      `insert into oauth_access_tokens
      (id, user_id, client_id, scopes, format, revoked, suspended, status_list, status_index, created_at, updated_at, expires_at)
     values (?, ?, ?, '[]', 'opaque', false, false, 1, 1, now(), now(), now() + interval '1 minute')`,
      [id, owner.user.id, client.id],
    )
    const me = requester(app, owner.headers)
    const answers = await Promise.all([
      me.get(`/api/tokens/${id}`),
      me.patch(`/api/tokens/${id}`, { name: 'mine' }),
      me.post(`/api/tokens/${id}/rotate`),
      me.delete(`/api/tokens/${id}`),
    ])
    for (const answer of answers) t.equal(answer.statusCode, 404)
    t.notMatch((await me.get('/api/tokens?state=all')).body, id)
    const [row] = await services.db.query<{ revoked: boolean }>(
      'select revoked from oauth_access_tokens where id = ?',
      [id],
    )
    t.equal(row?.revoked, false)
  },
)
