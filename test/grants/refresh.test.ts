import t, { type Test } from 'tap'
import { CATALOGUE, newUser, testApp } from '../helpers/app.ts'
import { expire } from '../helpers/expiry.ts'
import { type GrantedTokens, grantAccess, opens, refresh } from '../helpers/granted-tokens.ts'
import { form } from '../helpers/oauth.ts'

const { app, services } = await testApp(t, { catalogue: { ...CATALOGUE, inherit: true } })

async function refused(t: Test, granted: GrantedTokens, error: string, more = {}): Promise<void> {
  const answer = await refresh(app, granted, more)
  t.equal(answer.statusCode, 400, answer.body)
  t.match(answer.json(), { error, error_description: /^[\x20-\x7e]+$/ })
  t.notMatch(answer.body, /token"/)
}

const traded = async (t: Test, granted: GrantedTokens, more = {}): Promise<GrantedTokens & { scope: string }> => {
  const answer = await refresh(app, granted, more)
  t.equal(answer.statusCode, 200, answer.body)
  const { access_token, refresh_token, scope } = answer.json()
  return { ...granted, accessToken: access_token, refreshToken: refresh_token, scope }
}

const events = (kind: string, user: string) =>
  services.db.query<{ details: object; client_id: string }>(
    'select details, client_id, actor_client_id from audit_events where kind = ? and user_id = ? order by id',
    [kind, user],
  )

t.test('a refresh token is traded for a new pair, and the old pair dies', async t => {
  const user = await newUser(services)
  const granted = await grantAccess(services, user)
  t.equal(await opens(app, granted.accessToken), 200)
  const answer = await refresh(app, granted)
  t.equal(answer.headers['cache-control'], 'no-store')
  const { access_token, refresh_token, ...rest } = answer.json()
  t.same(rest, { token_type: 'Bearer', expires_in: 3600, scope: 'orders:read' })
  t.match(refresh_token, /^postr_[\w-]{43}$/)
  t.equal(await opens(app, access_token), 200)
  t.equal(await opens(app, granted.accessToken), 401)
  const actor = { client_id: granted.client.id, actor_client_id: granted.client.id }
  t.match(await events('token.refreshed', user.id), [{ ...actor, details: { scopes: ['orders:read'] } }])
})

t.test('a rotated token that comes back kills the family', async t => {
  const user = await newUser(services)
  const [granted, other] = [await grantAccess(services, user), await grantAccess(services, user)]
  const second = await traded(t, granted)
  const third = await traded(t, second)
  await refused(t, granted, 'invalid_grant')
  t.equal(await opens(app, third.accessToken), 401)
  await refused(t, third, 'invalid_grant')
  t.match(await events('token.reused', user.id), [{ client_id: granted.client.id }], 'written down once')
  t.equal(await opens(app, other.accessToken), 200, 'another family lives')
  await traded(t, other)
})

t.test('the access token may be narrower, and the refresh token keeps its scopes', async t => {
  const granted = await grantAccess(services, await newUser(services), { scopes: ['orders:read', 'reports'] })
  const narrow = await traded(t, granted, { scope: 'reports:export' })
  t.equal(narrow.scope, 'reports:export')
  const wide = await traded(t, narrow)
  t.equal(wide.scope, 'orders:read reports')
  for (const scope of ['orders:create', 'orders:read orders:create', '*', 'admin:read', 'no:such']) {
    await refused(t, wide, 'invalid_scope', { scope })
  }
  await traded(t, wide, { scope: 'orders:read' })
})

t.test('what the client may have no more is not given again', async t => {
  const granted = await grantAccess(services, await newUser(services), { scopes: ['orders:read', 'orders:create'] })
  await services.clients.update(granted.client.id, { scopes: ['orders:read'] })
  t.equal((await traded(t, granted)).scope, 'orders:read')
})

t.test("another client's token is refused, and nothing dies", async t => {
  const user = await newUser(services)
  const [mine, theirs] = [await grantAccess(services, user), await grantAccess(services, user)]
  const stolen = { ...mine, headers: theirs.headers }
  await refused(t, stolen, 'invalid_grant')
  const second = await traded(t, mine)
  await refused(t, stolen, 'invalid_grant')
  t.equal(await opens(app, second.accessToken), 200)
  await traded(t, second)
})

t.test('texts that are no refresh token', async t => {
  const granted = await grantAccess(services, await newUser(services))
  for (const text of [granted.accessToken, `${granted.refreshToken}x`, granted.refreshToken.toUpperCase(), 'x']) {
    await refused(t, { ...granted, refreshToken: text }, 'invalid_grant')
  }
  const none = await form(app, '/oauth/token', { grant_type: 'refresh_token' }, granted.headers)
  t.match(none.json(), { error: 'invalid_request', error_description: /refresh_token/ })
  t.equal(await opens(app, granted.accessToken), 200)
})

t.test('a disabled user gets nothing, and loses nothing', async t => {
  const user = await newUser(services)
  const granted = await grantAccess(services, user)
  await services.users.disable(user.id)
  await refused(t, granted, 'invalid_grant')
  await services.users.enable(user.id)
  await traded(t, granted)
})

t.test('what the user takes back is taken back', async t => {
  const user = await newUser(services)
  const [granted, other] = [await grantAccess(services, user), await grantAccess(services, user)]
  await services.authorizations.withdraw(user.id, granted.client.id)
  await refused(t, granted, 'invalid_grant')
  t.equal(await opens(app, granted.accessToken), 401)
  await traded(t, other)
})

t.test('a revoked client is not a client', async t => {
  const granted = await grantAccess(services, await newUser(services))
  await services.clients.revoke(granted.client.id)
  const answer = await refresh(app, granted)
  t.equal(answer.statusCode, 401)
  t.match(answer.json(), { error: 'invalid_client' })
})

t.test('a family ends when it was to end, however often it was rotated', async t => {
  const granted = await grantAccess(services, await newUser(services))
  const second = await traded(t, granted)
  const ends = await services.db.query<{ expires_at: Date | string }>(
    'select distinct expires_at from oauth_refresh_tokens where grant_id = ?',
    [granted.grant],
  )
  const days = (new Date(ends[0]?.expires_at ?? 0).getTime() - Date.now()) / 86_400_000
  t.match(ends, { length: 1 })
  t.ok(days > 29.9 && days <= 30, `${days} days`)
  const soon = "update oauth_refresh_tokens set expires_at = now() + interval '60 s' where grant_id = ?"
  await services.db.query(soon, [granted.grant])
  const last = await refresh(app, second)
  t.ok(last.json().expires_in <= 60, 'no access token outlives it')
  await expire(services.db, 'oauth_refresh_tokens', 'grant_id = ?', [granted.grant])
  await refused(t, { ...granted, refreshToken: last.json().refresh_token }, 'invalid_grant')
})

t.test('a client may have a lifetime of its own, and opaque tokens', async t => {
  const granted = await grantAccess(services, await newUser(services), {
    refreshTokenLifetime: 60,
    tokenFormat: 'opaque',
  })
  const answer = await refresh(app, granted)
  t.match(answer.json(), { access_token: /^post_/, expires_in: Number })
  t.ok(answer.json().expires_in <= 60)
})

t.test('a family is for one resource', async t => {
  const granted = await grantAccess(services, await newUser(services))
  await refused(t, granted, 'invalid_target', { resource: 'https://elsewhere.example' })
  await traded(t, granted, { resource: services.config.audience })
})
