import t, { type Test } from 'tap'
import { newUser, testApp } from '../helpers/app.ts'
import { ask, poll, type Television, television, typed } from '../helpers/device.ts'
import { expire } from '../helpers/expiry.ts'
import { opens } from '../helpers/granted-tokens.ts'
import { form } from '../helpers/oauth.ts'

const { app, services } = await testApp(t)
const user = await newUser(services)
const tv = await television(services)

const begun = async (t: Test, by: Television = tv, params = {}) => {
  const answer = await ask(app, by, params)
  t.equal(answer.statusCode, 200, answer.body)
  return answer.json()
}

const refuses = async (t: Test, waiting: { device_code: string }, error: string, by: Television = tv) => {
  const answer = await poll(app, by, waiting)
  t.equal(answer.statusCode, 400, answer.body)
  t.match(answer.json(), { error, error_description: /^[\x20-\x7e]+$/ })
  return answer.json()
}

/** As if the last poll had been that many seconds ago. */
const wait = (seconds: number) =>
  services.db.query(`update oauth_device_codes set last_polled_at = last_polled_at - ? * interval '1 s'`, [seconds])

t.test('a device gets a code, its user approves, and it gets a token', async t => {
  const answer = await ask(app, tv)
  t.equal(answer.headers['cache-control'], 'no-store')
  const waiting = answer.json()
  t.match(waiting.user_code, /^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/)
  t.match(waiting.device_code, /^[\w-]{43}$/)
  t.match(waiting, {
    verification_uri: 'http://localhost:3000/device',
    verification_uri_complete: `http://localhost:3000/device?user_code=${waiting.user_code}`,
    expires_in: 600,
    interval: 5,
  })
  await refuses(t, waiting, 'authorization_pending')
  await services.device.approve((await typed(services, waiting)).id, user)
  const got = await poll(app, tv, waiting)
  t.equal(got.statusCode, 200, got.body)
  const { access_token, ...rest } = got.json()
  t.same(rest, { token_type: 'Bearer', expires_in: 3600, scope: 'orders:read' }, 'and no refresh token unasked')
  t.equal(await opens(app, access_token), 200)
  await refuses(t, waiting, 'invalid_grant')
  t.equal(await opens(app, access_token), 200)
})

t.test('a client with refresh tokens gets one', async t => {
  const grantTypes = [...tv.client.grantTypes, 'refresh_token']
  const by = await television(services, { grantTypes, public: true })
  const publicly = { client_id: by.client.id }
  const waiting = (await form(app, '/oauth/device_authorization', { ...publicly, scope: 'reports' })).json()
  await services.device.approve((await typed(services, waiting)).id, user)
  const got = await form(app, '/oauth/token', { ...publicly, grant_type: tv.client.grantTypes[0], ...waiting })
  t.match(got.json(), { scope: 'reports', refresh_token: /^postr_/ })
  const params = { ...publicly, grant_type: 'refresh_token', refresh_token: got.json().refresh_token }
  t.match((await form(app, '/oauth/token', params)).json(), { scope: 'reports', refresh_token: /^postr_/ })
})

t.test('polling too fast gets slow_down, by five more seconds each time', async t => {
  const waiting = await begun(t)
  await refuses(t, waiting, 'authorization_pending')
  t.match(await refuses(t, waiting, 'slow_down'), { error_description: /10 seconds/ })
  await wait(6)
  t.match(await refuses(t, waiting, 'slow_down'), { error_description: /15 seconds/ })
  await wait(15)
  await refuses(t, waiting, 'authorization_pending')
  await services.device.approve((await typed(services, waiting)).id, user)
  t.equal((await poll(app, tv, waiting)).statusCode, 200, 'an answer that is there is given at once')
})

t.test('denied', async t => {
  const waiting = await begun(t)
  await services.device.deny((await typed(services, waiting)).id, user)
  await refuses(t, waiting, 'access_denied')
  await refuses(t, waiting, 'access_denied')
})

t.test('expired, with and without a decision', async t => {
  const [waiting, approved] = [await begun(t), await begun(t)]
  await services.device.approve((await typed(services, approved)).id, user)
  await expire(services.db, 'oauth_device_codes', 'state in (?, ?)', ['pending', 'approved'])
  await refuses(t, waiting, 'expired_token')
  await refuses(t, approved, 'expired_token')
})

t.test('a code of another client, and a malformed one', async t => {
  const other = await television(services)
  const waiting = await begun(t)
  await refuses(t, waiting, 'invalid_grant', other)
  await services.device.approve((await typed(services, waiting)).id, user)
  await refuses(t, waiting, 'invalid_grant', other)
  await refuses(t, { device_code: waiting.user_code }, 'invalid_grant')
  await refuses(t, { device_code: '' }, 'invalid_request')
  t.equal((await poll(app, tv, waiting)).statusCode, 200, 'nothing was spoilt')
})

t.test('clients and scopes that are allowed', async t => {
  const machine = await television(services, { grantTypes: ['client_credentials'] })
  t.match((await ask(app, machine)).json(), { error: 'unauthorized_client' })
  const unknown = await form(app, '/oauth/device_authorization', {})
  t.equal(unknown.statusCode, 401)
  t.match(unknown.json(), { error: 'invalid_client' })
  const secretless = await form(app, '/oauth/device_authorization', { client_id: tv.client.id })
  t.equal(secretless.statusCode, 401)
  t.equal((await app.inject('/oauth/device_authorization')).statusCode, 405)
  for (const scope of ['no:such', '*', 'admin:read']) {
    t.match((await ask(app, tv, { scope })).json(), { error: 'invalid_scope' })
  }
  t.match((await ask(app, tv, { resource: 'https://no.such' })).json(), { error: 'invalid_target' })
  t.match((await ask(app, tv, { scope: ['a', 'b'] })).json(), { error: 'invalid_request' })
})

t.test('a code is for one resource', async t => {
  const audience = 'https://reports.example'
  await services.clients.create({ name: 'reports', audience })
  const waiting = await begun(t, tv, { resource: audience })
  await services.device.approve((await typed(services, waiting)).id, user)
  t.match((await poll(app, tv, waiting, { resource: services.config.audience })).json(), { error: 'invalid_target' })
  const got = await poll(app, tv, waiting, { resource: audience })
  t.equal(got.statusCode, 200, got.body)
  const [, claims = ''] = got.json().access_token.split('.')
  t.match(JSON.parse(Buffer.from(claims, 'base64url').toString()), { aud: audience, sub: user.id })
})

t.test('a device of a user who was disabled meanwhile gets no token', async t => {
  const other = await newUser(services)
  const waiting = await begun(t)
  await services.device.approve((await typed(services, waiting)).id, other)
  await services.users.disable(other.id)
  await refuses(t, waiting, 'invalid_grant')
})
