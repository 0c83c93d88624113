import t, { type Test } from 'tap'
import { actingAs, newUser, testApp } from '../helpers/app.ts'
import { Browser, locationOf } from '../helpers/browser.ts'
import { grantAccess, opens, refresh } from '../helpers/granted-tokens.ts'
import { exchangeOf, form } from '../helpers/oauth.ts'
import { bearer, requester } from '../helpers/requester.ts'

const { app, services } = await testApp(t)
const DAY = 86_400
const FORMATS = ['jwt', 'opaque'] as const

interface Made {
  id: string
  token: string
}
const mint = async (t: Test, by: string, more: object = {}): Promise<Made> => {
  const answer = await requester(app, bearer(by)).post('/api/tokens', { name: 'x', scopes: ['tokens:write'], ...more })
  t.equal(answer.statusCode, 201, answer.body)
  return { id: answer.json().data.id, token: answer.json().token }
}
const exchanged = async (token: string): Promise<string> =>
  (await form(app, '/oauth/token', exchangeOf(token))).json().access_token
const current = async (token: string) => (await requester(app, bearer(token)).get('/api/tokens/current')).json().data
const all = (tokens: string[]) => Promise.all(tokens.map(token => opens(app, token)))

/** A row as it would be from before there were families. */
const age = async (id: string, days = 0) => {
  const sql = `update oauth_access_tokens set family_id = null, family_expires_at = null,
    created_at = created_at - ? * interval '1 day' where id = ? returning id`
  await services.db.query(sql, [days, id])
}

for (const format of FORMATS) {
  t.test(`what a token issued ends with it, and what that issued, and nothing else: ${format}`, async t => {
    const { user, id, token } = await actingAs(services, ['tokens:write'], { format })
    const beside = await actingAs(services, ['tokens:write'], { user, format })
    const child = await exchanged(token)
    const minted = await mint(t, token, { format })
    const deeper = await mint(t, minted.token, { format })
    const ofChild = await mint(t, child, { format })
    const deepest = await exchanged(deeper.token)
    const dying = [token, child, minted.token, deeper.token, ofChild.token, deepest]
    t.strictSame(
      await all(dying),
      dying.map(() => 200),
    )
    const answer = await requester(app, beside.headers).delete(`/api/tokens/${id}`)
    t.equal(answer.statusCode, 200)
    t.strictSame(answer.json(), { data: { count: dying.length } })
    t.strictSame(
      await all(dying),
      dying.map(() => 401),
    )
    t.equal(await opens(app, beside.token), 200)
    const events = await services.auditLog.list({ userId: user.id, kind: 'token.revoked' }, { limit: 50 })
    t.equal(events.length, dying.length)
    for (const event of events) t.match(event, { actorUserId: user.id, actorTokenId: beside.id, actorSessionId: null })
    const places =
      'select status_list as list, status_index as index from oauth_access_tokens where user_id = ? and revoked'
    for (const { list, index } of await services.db.query<{ list: number; index: number }>(places, [user.id])) {
      const told = 'select status from oauth_status_events where status_list = ? and status_index = ?'
      t.strictSame(await services.db.query(told, [list, index]), [{ status: 1 }], 'every guard is told')
    }
    t.equal((await requester(app, beside.headers).delete(`/api/tokens/${beside.id}`)).statusCode, 204)
  })
}

t.test('an administrator is told how many, and so is whoever signs out', async t => {
  const admin = requester(app, (await actingAs(services, ['admin:write'], { role: 'admin' })).headers)
  const one = await actingAs(services, ['tokens:write'])
  await mint(t, one.token)
  t.strictSame((await admin.delete(`/admin/tokens/${one.id}`)).json(), { data: { count: 2 } })
  const other = await actingAs(services, ['tokens:write'])
  await mint(t, other.token)
  t.strictSame((await requester(app, other.headers).delete('/api/tokens/current')).json(), { data: { count: 2 } })
})

t.test('a page says how many, and its session is named', async t => {
  const user = await newUser(services)
  const browser = new Browser(app)
  await browser.signIn(user)
  const fields = { name: 'root', expires_in: '30d', 'scope.tokens:write': '1' }
  const made = await browser.submit(await browser.get('/tokens/new'), fields, /tokens$/)
  t.equal(made.statusCode, 201, made.body)
  const [listed] = await services.tokens.list(user.id, { limit: 1 })
  const root = await services.tokens.find(user.id, listed?.id ?? '')
  t.match(root, { session: /^[0-9a-f-]{36}$/, issuedBy: null, family: root?.id })
  const [issued] = await services.auditLog.list({ userId: user.id, kind: 'token.issued' }, { limit: 1 })
  t.match(issued, { actorSessionId: root?.session, actorTokenId: null })
  const token = /post_\w+|ey[\w-]+\.[\w-]+\.[\w-]+/.exec(made.body)?.[0] ?? ''
  await mint(t, token)
  const page = await browser.get(`/tokens/${root?.id}/revoke`)
  const done = await browser.submit(page, {}, /revoke$/)
  t.match(
    (await browser.get(locationOf(done).pathname)).body,
    /was revoked, and 1 more that was issued with it or replaced it/,
  )
})

t.test('a rotation and a refresh pass on what was issued', async t => {
  const old = await actingAs(services, ['tokens:write'])
  const minted = await mint(t, old.token)
  const rotated = (await requester(app, old.headers).post('/api/tokens/current/rotate')).json()
  t.strictSame(await all([old.token, minted.token, rotated.token]), [401, 200, 200])
  t.strictSame((await requester(app, bearer(rotated.token)).delete('/api/tokens/current')).json().data, { count: 2 })
  t.equal(await opens(app, minted.token), 401)
  const granted = await grantAccess(services, await newUser(services), {
    scopes: ['tokens:write'],
    issuesPersonalTokens: true,
  })
  const ofApp = await mint(t, granted.accessToken)
  const { access_token } = (await refresh(app, granted)).json()
  t.strictSame(await all([granted.accessToken, ofApp.token, access_token]), [401, 200, 200])
  await services.clients.revoke(granted.client.id)
  t.equal(await opens(app, ofApp.token), 401, 'with the app')
})

t.test('what another token rotated ends with that one, whoever had it before', async t => {
  const { user, headers, id } = await actingAs(services, ['tokens:write'])
  const target = await actingAs(services, [], { user })
  const { token } = (await requester(app, headers).post(`/api/tokens/${target.id}/rotate`)).json()
  t.equal(await opens(app, token), 200)
  await services.tokens.revoke(user.id, id)
  t.equal(await opens(app, token), 401)
})

t.test('withdrawing an app ends what it issued', async t => {
  const user = await newUser(services)
  const granted = await grantAccess(services, user, { scopes: ['tokens:write'], issuesPersonalTokens: true })
  const minted = await mint(t, granted.accessToken)
  const { headers } = await actingAs(services, ['clients:write'], { user })
  const path = `/api/authorizations/${granted.client.id}`
  t.equal((await requester(app, headers).delete(path)).statusCode, 200)
  t.strictSame(await all([granted.accessToken, minted.token]), [401, 401])
})

t.test('an app issues and rotates no personal token unless an operator allowed it', async t => {
  const user = await newUser(services)
  const granted = await grantAccess(services, user, { scopes: ['tokens:write', 'tokens:rotate'] })
  const personal = await actingAs(services, ['tokens:write', 'tokens:rotate'], { user })
  const its = requester(app, bearer(granted.accessToken))
  const acts = () =>
    Promise.all([
      its.post('/api/tokens', { name: 'x', scopes: ['tokens:write'] }),
      its.post(`/api/tokens/${personal.id}/rotate`, { overlap: 60 }),
    ])
  for (const answer of await acts()) {
    t.match(answer.json(), { status: 403, detail: /issues_personal_tokens/ })
  }
  t.equal((await its.post('/api/tokens/current/rotate')).statusCode, 404, 'its own is no personal one')
  await services.clients.update(granted.client.id, { issuesPersonalTokens: true })
  t.strictSame(
    (await acts()).map(answer => answer.statusCode),
    [201, 201],
  )
  const app_ = { name: 'x', userId: user.id, redirectUris: ['https://a.example/cb'], issuesPersonalTokens: true }
  await t.rejects(services.clients.create(app_), /issues_personal_tokens/)
})

t.test('no rotation passes the end of the family', async t => {
  const most = services.config.tokenFamilyLifetime * 1000
  const { token } = await services.tokens.issuePersonal({
    user: await newUser(services),
    name: 'x',
    scopes: ['tokens:rotate'],
  })
  t.equal(token.family, token.id)
  t.ok(Math.abs((token.familyExpiresAt?.getTime() ?? 0) - Date.now() - most) < 60_000)
  const soon = new Date(Math.floor(Date.now() / 1000 + 60) * 1000)
  await services.db.query('update oauth_access_tokens set family_expires_at = ? where id = ? returning id', [
    soon,
    token.id,
  ])
  const user = { id: token.user as string, role: 'user' as const }
  const first = await services.tokens.rotate(user, token.id)
  t.match(first.token, { family: token.id, familyExpiresAt: soon, expiresAt: soon })
  const second = await services.tokens.rotate(user, first.token.id)
  t.match(second.token, { family: token.id, expiresAt: soon }, 'however often')
  const over = 'update oauth_access_tokens set family_expires_at = created_at where id = ? returning id'
  await services.db.query(over, [second.token.id])
  await t.rejects(services.tokens.rotate(user, second.token.id), { status: 409, message: /family/ } as never)
})

t.test('what a token issued is not rotated beyond the end of that token', async t => {
  const user = await newUser(services)
  const expiresAt = new Date(Date.now() + DAY * 1000)
  const { plainText, token } = await services.tokens.issuePersonal({ user, name: 'x', scopes: ['*'], expiresAt })
  const minted = await mint(t, plainText, { scopes: ['tokens:rotate'] })
  const { token: next } = (await requester(app, bearer(minted.token)).post('/api/tokens/current/rotate')).json()
  t.equal((await current(next)).expires_at, token.expiresAt.toISOString())
  await services.tokens.revoke(user.id, token.id)
  t.equal(await opens(app, next), 401, 'and ends with it')
})

t.test('a token from before there were families rotates as it could, until its family ends', async t => {
  const old = await actingAs(services, ['orders:read'])
  await age(old.id, 100)
  const { token, data } = (await requester(app, old.headers).post('/api/tokens/current/rotate')).json()
  t.strictSame(data.scopes, ['orders:read', 'tokens:rotate'], 'and its successor may')
  const again = (await requester(app, bearer(token)).post('/api/tokens/current/rotate')).json()
  const end = Date.now() + (services.config.tokenFamilyLifetime - 100 * DAY) * 1000
  const found = await services.tokens.find(old.user.id, again.data.id)
  t.equal(found.family, old.id)
  t.ok(Math.abs((found.familyExpiresAt?.getTime() ?? 0) - end) < 60_000, 'counted from its first issue')
})

t.test('nothing is issued beside the revocation of the token that asks', async t => {
  for (let round = 0; round < 5; round++) {
    const { token, user, id } = await actingAs(services, ['tokens:write'])
    const asks = Array.from({ length: 4 }, () =>
      requester(app, bearer(token)).post('/api/tokens', { name: 'x', scopes: [] }),
    )
    const [answers] = await Promise.all([Promise.all(asks), services.tokens.revoke(user.id, id)])
    for (const answer of answers) if (answer.statusCode === 201) t.equal(await opens(app, answer.json().token), 401)
  }
})
