import t, { type Test } from 'tap'
import { prune } from '../../src/tokens/prune.ts'
import { newUser, type TestOptions, testApp } from '../helpers/app.ts'
import { authorizeUrl, Browser } from '../helpers/browser.ts'
import { form } from '../helpers/oauth.ts'
import { bearer } from '../helpers/requester.ts'

/** Dynamic registration without a token (RFC 7591 §3, DCR=open). */

const INITIAL = 'an initial access token of 32 characters or more'
const LOCAL = 'http://127.0.0.1/callback'
const web = {
  client_name: 'Editor',
  redirect_uris: ['https://app.example.com/cb'],
  grant_types: ['authorization_code', 'refresh_token'],
}
const native = { client_name: 'Editor', redirect_uris: [LOCAL], token_endpoint_auth_method: 'none' }

async function open(t: Test, options: TestOptions = {}) {
  const world = await testApp(t, { dcr: 'open', ...options })
  const register = (payload: object, headers = {}, remoteAddress = '192.0.2.1') =>
    world.app.inject({ method: 'POST', url: '/oauth/register', headers, payload, remoteAddress })
  return { ...world, register }
}

/** Lets time pass for what asks `Date.now`. */
function travel(t: Test, seconds: number): void {
  const { now } = Date
  t.intercept(Date, 'now', { value: () => now() + seconds * 1000 })
}

t.test('anybody registers a client, which is native or web', async t => {
  const { register, app } = await open(t)
  const metadata = (await app.inject('/.well-known/oauth-authorization-server')).json()
  t.match(metadata.registration_endpoint, /\/oauth\/register$/)
  const first = await register(native)
  t.match([first.statusCode, first.json()], [201, { application_type: 'native', registration_access_token: String }])
  t.match((await register(web)).json(), { application_type: 'web' })
  t.match((await register({ ...native, application_type: 'native' })).json(), { application_type: 'native' })
  const wrong = await register({ ...native, application_type: 'web' })
  t.match([wrong.statusCode, wrong.json()], [400, { error: 'invalid_redirect_uri' }])
  t.equal((await register({ ...native, application_type: 'other' })).statusCode, 400)
})

t.test('without its grants of operators, also when it is replaced', async t => {
  const { register, app } = await open(t)
  const { client_id, registration_access_token } = (await register(native)).json()
  const confidential = { redirect_uris: ['https://app.example.com/cb'] }
  for (const grant of ['client_credentials', 'urn:ietf:params:oauth:grant-type:token-exchange']) {
    const grant_types = ['authorization_code', grant]
    t.match((await register({ ...confidential, grant_types })).json(), { error: 'invalid_client_metadata' }, grant)
    const replaced = await app.inject({
      method: 'PUT',
      url: `/oauth/register/${client_id}`,
      headers: bearer(registration_access_token),
      payload: { client_id, ...confidential, grant_types },
    })
    t.match([replaced.statusCode, replaced.json()], [400, { error: 'invalid_client_metadata' }], grant)
  }
})

t.test('it ends after a day without a consent, and is deleted', async t => {
  const { register, app, services } = await open(t)
  const { client_id, registration_access_token } = (await register(native)).json()
  const url = authorizeUrl({ id: client_id, redirectUris: [LOCAL] })
  t.equal((await app.inject(url)).statusCode, 303)
  travel(t, 86_401)
  t.equal((await app.inject(url)).statusCode, 400)
  t.equal((await form(app, '/oauth/device_authorization', { client_id })).statusCode, 401)
  const headers = bearer(registration_access_token)
  t.equal((await app.inject({ url: `/oauth/register/${client_id}`, headers })).statusCode, 401)
  await prune(services.db, { revoked: true, expired: true, hours: 0 })
  await t.rejects(services.clients.find(client_id), /There is no such client/)
  t.ok(await services.clients.personalAccess(), 'clients that do not end stay')
})

t.test('a consent keeps it, and is asked for each time', async t => {
  const { register, app, services } = await open(t)
  const browser = new Browser(app)
  await browser.signIn(await newUser(services))
  const { client_id } = (await register(web)).json()
  const url = authorizeUrl({ id: client_id, redirectUris: ['https://app.example.com/cb'] })
  const page = await browser.get(url)
  t.match(page.body, /<h1>Authorize <bdi>app\.example\.com<\/bdi>\?<\/h1>/, 'the host is large')
  t.match(page.body, /calls itself <bdi>Editor<\/bdi>/, 'the name is what it says itself')
  t.match(page.body, /type="radio" name="access_seconds" value="2592000"/)
  t.ok((await browser.approve(url)).searchParams.get('code'))
  t.equal((await browser.get(url)).statusCode, 200, 'asked again, although it has a secret')
  travel(t, 7 * 86_400)
  await prune(services.db, { revoked: true, expired: true, hours: 0 })
  t.match(await services.clients.find(client_id), { expiresAt: null })
})

t.test('an app on this computer is called that', async t => {
  const { register, app, services } = await open(t)
  const browser = new Browser(app)
  await browser.signIn(await newUser(services))
  const { client_id } = (await register({ ...native, client_name: 'Bank' })).json()
  const page = await browser.get(authorizeUrl({ id: client_id, redirectUris: [LOCAL] }))
  t.match(page.body, /<h1>Authorize an app on your computer\?<\/h1>/)
  t.match(page.body, 'This app runs on your computer.')
})

t.test('an address registers twenty in a quarter of an hour', async t => {
  const { register } = await open(t)
  for (let n = 0; n < 20; n++) t.equal((await register(native)).statusCode, 201)
  const refused = await register(native)
  t.equal(refused.statusCode, 429)
  t.ok(Number(refused.headers['retry-after']) > 0)
  t.equal((await register(native, {}, '192.0.2.2')).statusCode, 201)
})

t.test('with the initial access token, a client does not end', async t => {
  const { register, services } = await open(t, { initialAccessToken: INITIAL })
  const { client_id } = (await register(native, bearer(INITIAL))).json()
  t.match(await services.clients.find(client_id), { expiresAt: null })
  t.equal((await register(native, bearer('wrong'.repeat(8)))).statusCode, 401)
})

t.test('off, and with a token only', async t => {
  const off = await open(t, { dcr: 'off', initialAccessToken: INITIAL })
  t.equal((await off.register(native, bearer(INITIAL))).statusCode, 404)
  const token = await open(t, { dcr: 'token', initialAccessToken: INITIAL })
  t.equal((await token.register(native)).statusCode, 401)
  t.equal((await token.register(native, bearer(INITIAL))).statusCode, 201)
})
