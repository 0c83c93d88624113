import t from 'tap'
import { newUser, testApp } from '../helpers/app.ts'
import { letIn, opens } from '../helpers/family.ts'
import { form } from '../helpers/oauth.ts'

t.test('a refresh token is traded for a new pair, and the old pair dies', async t => {
  const { app, house } = await testApp(t)
  const held = await letIn(house, await newUser(house))
  t.equal(await opens(app, held.accessToken), 200)
  const params = { grant_type: 'refresh_token', refresh_token: held.refreshToken }
  const got = await form(app, '/oauth/token', params, held.headers)
  t.equal(got.statusCode, 200, got.body)
  const { access_token, refresh_token, ...rest } = got.json()
  t.same(rest, { token_type: 'Bearer', expires_in: 3600, scope: 'orders:read' })
  t.match(refresh_token, /^postr_[\w-]{43}$/)
  t.equal(await opens(app, access_token), 200)
  t.equal(await opens(app, held.accessToken), 401)
  const again = await form(app, '/oauth/token', params, held.headers)
  t.equal(again.statusCode, 400)
  t.match(again.json(), { error: 'invalid_grant' })
  t.equal(await opens(app, access_token), 401, 'the whole family died')
  const later = await form(app, '/oauth/token', { ...params, refresh_token }, held.headers)
  t.match(later.json(), { error: 'invalid_grant' })
})
