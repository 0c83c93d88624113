import t from 'tap'
import { actingAs, newUser, testApp } from '../helpers/app.ts'
import { expire } from '../helpers/expiry.ts'
import { bearer, requester } from '../helpers/requester.ts'

const { app, services } = await testApp(t)
const opens = async (token: string) => (await requester(app, bearer(token)).get('/api/user')).statusCode === 200

for (const format of ['jwt', 'opaque'] as const) {
  t.test(`a token is replaced by one with the same name, scopes and lifetime: ${format}`, async t => {
    const old = await actingAs(services, ['orders:read', 'reports', 'tokens:rotate'], { format })
    t.ok(await opens(old.token))
    const before = (await requester(app, old.headers).get('/api/tokens/current')).json().data
    const answer = await requester(app, old.headers).post('/api/tokens/current/rotate')
    t.equal(answer.statusCode, 201)
    const { token, data, user } = answer.json()
    t.not(data.id, before.id)
    t.match(data, { name: before.name, scopes: before.scopes, format, client_id: before.client_id, last_used_at: null })
    t.equal(user.id, old.user.id)
    t.ok(Date.parse(data.expires_at) >= Date.parse(before.expires_at))
    t.notOk(await opens(old.token), 'the old one is dead')
    t.ok(await opens(token))
  })
}

t.test('with an overlap the old token lives on, and only so long', async t => {
  const old = await actingAs(services, ['tokens:rotate'])
  const { token } = (await requester(app, old.headers).post('/api/tokens/current/rotate', { overlap: 3600 })).json()
  const left = await requester(app, old.headers).get('/api/tokens/current')
  t.equal(left.statusCode, 200)
  const remaining = Date.parse(left.json().data.expires_at) - Date.now()
  t.ok(remaining > 0 && remaining <= 3_600_000)
  t.equal(left.json().data.revoked, false)
  t.ok(await opens(token))
  await expire(services.db, 'oauth_access_tokens', 'id = ?', [old.id])
  await requester(app, bearer(token)).get('/api/tokens/current')
  services.bus.applyRemote({ kind: 'token', id: old.id })
  t.notOk(await opens(old.token), 'after it the old one is dead, whatever its JWT says')
})

t.test('an overlap never gives the old token a longer life', async t => {
  const user = await newUser(services)
  const expiresAt = new Date(Date.now() + 60_000)
  const { plainText, token } = await services.tokens.issuePersonal({ user, name: 'short', expiresAt })
  await requester(app, bearer(plainText)).post('/api/tokens/current/rotate', { overlap: 604_800 })
  const { data } = (await requester(app, bearer(plainText)).get('/api/tokens/current')).json()
  t.equal(data.expires_at, token.expiresAt.toISOString())
})

t.test('an overlap is a whole number of seconds up to a week', async t => {
  const { headers } = await actingAs(services, ['tokens:rotate'])
  for (const overlap of [-1, 604_801, 1.5, '60', null]) {
    const answer = await requester(app, headers).post('/api/tokens/current/rotate', { overlap })
    t.equal(answer.statusCode, 422, String(overlap))
    const paths = answer.json().errors.map(({ path }: { path: string }) => path)
    t.strictSame(new Set(paths), new Set(['overlap']), 'and nothing is said of a body that could have been left out')
  }
  const unknown = await requester(app, headers).post('/api/tokens/current/rotate', { overlaps: 1 })
  t.strictSame(unknown.json().errors, [{ path: 'overlaps', message: 'is not known' }])
  const list = await requester(app, headers).post('/api/tokens/current/rotate', [])
  t.strictSame(list.json().errors, [{ path: '', message: 'The body must be object' }])
  t.equal((await requester(app, headers).get('/api/user')).statusCode, 200, 'what was refused changed nothing')
})

t.test('of many at once one succeeds', async t => {
  const { headers, user } = await actingAs(services, ['tokens:rotate'])
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => requester(app, headers).post('/api/tokens/current/rotate')),
  )
  t.equal(answers.filter(answer => answer.statusCode === 201).length, 1)
  for (const { statusCode } of answers) t.ok([201, 401, 409].includes(statusCode), String(statusCode))
  t.equal((await services.tokens.list(user.id, { limit: 10 })).length, 1)
})

t.test('a token is rotated once, and never when it is dead', async t => {
  const old = await actingAs(services, ['orders:read', 'tokens:rotate'])
  const owner = await actingAs(services, ['*', 'tokens:rotate'], { user: old.user })
  await requester(app, owner.headers).delete(`/api/tokens/${old.id}`)
  const answer = await requester(app, owner.headers).post(`/api/tokens/${old.id}/rotate`)
  t.match(answer.json(), { status: 409, detail: 'The token has been revoked.' })
  t.notOk(await opens(old.token))
})

t.test('by its id, with a token that lives longer', async t => {
  const user = await newUser(services)
  const day = 86_400_000
  const issue = (scopes: string[], days: number) =>
    services.tokens.issuePersonal({ user, name: 'x', scopes, expiresAt: new Date(Date.now() + days * day) })
  const old = await issue(['orders:read'], 1)
  const owner = await issue(['tokens:write', 'orders:read'], 30)
  const answer = await requester(app, bearer(owner.plainText)).post(`/api/tokens/${old.token.id}/rotate`)
  t.equal(answer.statusCode, 201)
  t.ok(await opens(answer.json().token))
  t.notOk(await opens(old.plainText))
  t.ok(await opens(owner.plainText))
})
