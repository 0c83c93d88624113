import t from 'tap'
import { DEVICE_CODE } from '../../src/grants/device-grant.ts'
import { newUser, PASSWORD, testApp } from '../helpers/app.ts'
import { authorizeUrl, Browser, locationOf } from '../helpers/browser.ts'
import { signInWithCode, withApp } from '../helpers/factors.ts'
import { form } from '../helpers/oauth.ts'

/** Before an administrative scope is given, whoever sits there confirms who they are. */

const { app, services } = await testApp(t)
let browsers = 0

const passing = (minutes: number) =>
  services.db.query(
    `update sessions set created_at = created_at - interval '${minutes} minutes', proved_at = proved_at - interval '${minutes} minutes'`,
  )

async function administrator() {
  const user = await newUser(services, 'admin')
  const browser = new Browser(app, `10.${++browsers}.0.1`)
  await browser.signIn(user)
  return { user, browser }
}

const newClient = async (more: object = {}) =>
  (
    await services.clients.create({
      name: 'Console',
      redirectUris: ['https://app.example/cb'],
      scopes: ['admin:read', 'orders:read'],
      ...more,
    } as never)
  ).client

t.test('an app gets administrative scopes only after a confirmation', async t => {
  const { browser } = await administrator()
  const url = authorizeUrl(await newClient(), { scope: 'admin:read orders:read' })
  const page = await browser.get(url)
  t.equal(page.statusCode, 200, page.body)
  await passing(11)
  const asked = await browser.submit(page, { decision: 'approve' }, /consent$/)
  t.equal(asked.statusCode, 403)
  t.match(asked.body, 'Confirm it’s you')
  t.notMatch(asked.headers['content-security-policy'], 'form-action', 'it may go on to the app')
  t.equal((await browser.submit(asked, { own_password: 'wrong password' }, /consent$/)).statusCode, 400)
  const done = await browser.submit(asked, { own_password: PASSWORD }, /consent$/)
  t.equal(done.statusCode, 303, done.body)
  t.ok(locationOf(done).searchParams.get('code'), 'what was chosen counts')
})

t.test('so it does when nobody would be asked any more', async t => {
  const { browser } = await administrator()
  const client = await newClient()
  const scopes = { scope: 'admin:read' }
  t.ok((await browser.approve(authorizeUrl(client, scopes))).searchParams.get('code'))
  t.ok(locationOf(await browser.get(authorizeUrl(client, scopes))).searchParams.get('code'), 'remembered')
  await passing(11)
  const asked = await browser.get(authorizeUrl(client, { ...scopes, state: 'kept' }))
  t.equal(locationOf(asked).pathname, '/confirm')
  const silent = locationOf(await browser.get(authorizeUrl(client, { ...scopes, prompt: 'none' })))
  t.equal(silent.searchParams.get('error'), 'login_required')
  const page = await browser.get(locationOf(asked).pathname + locationOf(asked).search)
  t.equal(page.statusCode, 200)
  t.equal((await browser.submit(page, { own_password: 'wrong password' }, /confirm$/)).statusCode, 400)
  const back = await browser.submit(page, { own_password: PASSWORD }, /confirm$/)
  t.equal(locationOf(back).pathname, '/oauth/authorize')
  const done = locationOf(await browser.get(locationOf(back).pathname + locationOf(back).search))
  t.ok(done.searchParams.get('code'))
  t.equal(done.searchParams.get('state'), 'kept')
  await passing(11)
  const harmless = locationOf(await browser.get(authorizeUrl(await newClient(), { scope: 'orders:read' })))
  t.not(harmless.pathname, '/confirm', 'other scopes ask for nothing')
})

t.test('a device gets administrative scopes only after a confirmation', async t => {
  const { browser } = await administrator()
  const client = await newClient({ public: true, redirectUris: undefined, grantTypes: [DEVICE_CODE] })
  const begun = await form(app, '/oauth/device_authorization', { client_id: client.id, scope: 'admin:read' })
  const page = await browser.get(`/device?user_code=${begun.json().user_code}`)
  await passing(11)
  const asked = await browser.submit(page, { decision: 'approve' }, /device$/)
  t.equal(asked.statusCode, 403)
  const poll = { grant_type: DEVICE_CODE, client_id: client.id, device_code: begun.json().device_code }
  t.match((await form(app, '/oauth/token', poll)).json(), { error: 'authorization_pending' })
  t.match((await browser.submit(asked, { own_password: PASSWORD }, /device$/)).body, 'Device connected')
})

t.test('rotating a token with administrative scopes asks, and another does not', async t => {
  const { user, browser } = await administrator()
  const issue = (scopes: string[]) => services.tokens.issuePersonal({ user, name: 'x', scopes })
  const powerful = await issue(['admin:read'])
  const harmless = await issue(['orders:read'])
  await passing(11)
  const rotate = async (id: string) => browser.submit(await browser.get(`/tokens/${id}`), {}, /rotate$/)
  t.equal((await rotate(powerful.token.id)).statusCode, 403)
  t.equal((await rotate(harmless.token.id)).statusCode, 201)
  const { plainText } = powerful
  t.ok(await services.authenticate(plainText), 'it is as it was')
})

t.test('the page goes nowhere else, and a fresh sign-in passes', async t => {
  const { browser } = await administrator()
  for (const next of ['//evil.example', 'https://evil.example', '/\\evil.example', '']) {
    const answer = await browser.get(`/confirm?next=${encodeURIComponent(next)}`)
    t.equal(answer.headers.location, '/tokens', next)
  }
  t.equal((await browser.get('/confirm?next=/apps')).headers.location, '/apps')
  t.equal((await browser.get('/confirm/resume')).headers.location, '/tokens', 'nothing waits')
  t.equal(locationOf(await new Browser(app).get('/confirm')).pathname, '/login')
})

t.test('a user with a second factor confirms with it', async t => {
  const user = await newUser(services, 'admin')
  const { code } = await withApp(services, user)
  const browser = new Browser(app, '10.99.0.1')
  await signInWithCode(browser, user, await code())
  await passing(11)
  const page = await browser.get('/confirm?next=/manage')
  t.notMatch(page.body, 'type="password"')
  t.equal((await browser.submit(page, { own_password: PASSWORD }, /confirm$/)).statusCode, 400)
  t.equal((await browser.submit(page, {}, /confirm$/)).statusCode, 400)
  t.equal((await browser.submit(page, { own_code: await code() }, /confirm$/)).headers.location, '/manage')
})
