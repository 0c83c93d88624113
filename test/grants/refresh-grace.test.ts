import t, { type Test } from 'tap'
import { newUser, testApp } from '../helpers/app.ts'
import { type GrantedTokens, grantAccess, opens, refresh } from '../helpers/granted-tokens.ts'
import { form } from '../helpers/oauth.ts'

const { app, services } = await testApp(t, { refreshGrace: 60 })

const traded = async (t: Test, granted: GrantedTokens, more = {}) => {
  const answer = await refresh(app, granted, more)
  t.equal(answer.statusCode, 200, answer.body)
  return answer.json()
}

const dead = async (t: Test, granted: GrantedTokens, refreshToken: string) => {
  t.match((await refresh(app, { ...granted, refreshToken })).json(), { error: 'invalid_grant' })
}

const later = (seconds: number, { grant }: GrantedTokens) =>
  services.db.query(
    `update oauth_refresh_tokens set used_at = used_at - ? * interval '1 s' where grant_id = ? and used_at is not null`,
    [seconds, grant],
  )

const kept = ({ grant }: GrantedTokens) =>
  services.db.query<{ replay: string }>(
    'select replay from oauth_refresh_tokens where grant_id = ? and replay is not null',
    [grant],
  )

t.test('a lost answer is had again, and the family does not fork', async t => {
  const granted = await grantAccess(services, await newUser(services))
  const first = await traded(t, granted)
  await later(30, granted)
  const again = await traded(t, granted)
  t.match(again, { ...first, expires_in: Number })
  t.ok(again.expires_in <= first.expires_in)
  t.equal(await opens(app, again.access_token), 200)
  const links = await services.db.query('select id from oauth_refresh_tokens where grant_id = ?', [granted.grant])
  t.equal(links.length, 2)
  await traded(t, { ...granted, refreshToken: again.refresh_token })
})

t.test('what is left of the access token is said', async t => {
  const granted = await grantAccess(services, await newUser(services), { accessTokenLifetime: 1 })
  await traded(t, granted)
  const again = await traded(t, granted)
  t.ok(again.expires_in === 0 || again.expires_in === 1, `${again.expires_in}`)
})

t.test('twenty at once get one answer', async t => {
  const granted = await grantAccess(services, await newUser(services))
  const answers = await Promise.all(Array.from({ length: 20 }, () => traded(t, granted)))
  t.equal(new Set(answers.map(a => a.refresh_token)).size, 1)
  t.equal(new Set(answers.map(a => a.access_token)).size, 1)
  await traded(t, { ...granted, refreshToken: answers[0].refresh_token })
})

t.test('once the grace is over it is theft', async t => {
  const granted = await grantAccess(services, await newUser(services))
  const first = await traded(t, granted)
  await later(61, granted)
  await dead(t, granted, granted.refreshToken)
  await dead(t, granted, first.refresh_token)
  t.equal(await opens(app, first.access_token), 401)
  t.same(await kept(granted), [], 'and the answer is kept no longer')
})

t.test('once the answer was received it is theft', async t => {
  const granted = await grantAccess(services, await newUser(services))
  const first = await traded(t, granted)
  const second = await traded(t, { ...granted, refreshToken: first.refresh_token })
  t.equal((await kept(granted)).length, 1, 'only the last answer is kept')
  await dead(t, granted, granted.refreshToken)
  await dead(t, granted, second.refresh_token)
  t.equal(await opens(app, second.access_token), 401)
})

t.test('a replay is for the client alone, and not for a user who is disabled or took it back', async t => {
  const user = await newUser(services)
  const [granted, other] = [await grantAccess(services, user), await grantAccess(services, user)]
  const first = await traded(t, granted)
  await dead(t, { ...granted, headers: other.headers }, granted.refreshToken)
  t.match((await refresh(app, granted, { scope: 'reports' })).json(), { error: 'invalid_scope' })
  await services.users.disable(user.id)
  await dead(t, granted, granted.refreshToken)
  await services.users.enable(user.id)
  t.equal((await traded(t, granted)).access_token, first.access_token)
  await services.bus.transaction((em, publish) => services.refresh.revokeGrant(em, publish, granted.grant))
  await dead(t, granted, granted.refreshToken)
  t.same(await kept(granted), [])
})

t.test('the database alone cannot read what it keeps', async t => {
  const granted = await grantAccess(services, await newUser(services))
  const first = await traded(t, granted)
  const [row] = await kept(granted)
  const [head = '', , , body = ''] = row?.replay.split('.') ?? []
  t.same(JSON.parse(Buffer.from(head, 'base64url').toString()), { alg: 'dir', enc: 'A256GCM' })
  t.notMatch(row?.replay, first.refresh_token)
  t.notMatch(Buffer.from(body, 'base64url').toString('latin1'), 'postr_')
})

t.test('by default a public client has 30 seconds, a confidential one none', async t => {
  const { app, services } = await testApp(t)
  const user = await newUser(services)
  const open = await grantAccess(services, user, { public: true })
  const send = (refreshToken: string) =>
    form(app, '/oauth/token', { grant_type: 'refresh_token', refresh_token: refreshToken, client_id: open.client.id })
  const answers = await Promise.all(Array.from({ length: 20 }, () => send(open.refreshToken)))
  t.strictSame(new Set(answers.map(({ statusCode }) => statusCode)), new Set([200]))
  t.equal(new Set(answers.map(answer => answer.json().refresh_token)).size, 1, 'one successor')
  const successor = answers[0]?.json().refresh_token
  const age = (seconds: number) =>
    services.db.query(
      `update oauth_refresh_tokens set used_at = used_at - ? * interval '1 s' where grant_id = ? and used_at is not null`,
      [seconds, open.grant],
    )
  await age(25)
  t.equal((await send(open.refreshToken)).json().refresh_token, successor)
  await age(6)
  t.match((await send(open.refreshToken)).json(), { error: 'invalid_grant' }, 'then it is theft')
  t.match((await send(successor)).json(), { error: 'invalid_grant' }, 'and the family dies')

  const closed = await grantAccess(services, user)
  const both = [await refresh(app, closed), await refresh(app, closed)]
  t.strictSame(
    both.map(({ statusCode }) => statusCode),
    [200, 400],
  )
})

t.test('a REFRESH_GRACE of 0 is for public clients too', async t => {
  const { app, services } = await testApp(t, { refreshGrace: 0 })
  const { client, refreshToken } = await grantAccess(services, await newUser(services), { public: true })
  const params = { grant_type: 'refresh_token', refresh_token: refreshToken, client_id: client.id }
  t.equal((await form(app, '/oauth/token', params)).statusCode, 200)
  t.equal((await form(app, '/oauth/token', params)).statusCode, 400)
})

t.test('without a grace nothing is kept', async t => {
  const { app, services } = await testApp(t)
  const granted = await grantAccess(services, await newUser(services))
  t.equal((await refresh(app, granted)).statusCode, 200)
  t.same(await services.db.query('select id from oauth_refresh_tokens where replay is not null'), [])
})
