import t from 'tap'
import type { NewClient } from '../../src/clients/clients.ts'
import { DEVICE_CODE } from '../../src/grants/device-grant.ts'
import { newUser, testApp } from '../helpers/app.ts'
import { Browser, locationOf } from '../helpers/browser.ts'
import { form } from '../helpers/oauth.ts'

const { app, services } = await testApp(t)
const user = await newUser(services)
const browser = new Browser(app)
await browser.signIn(user)

async function waiting(input: Partial<NewClient> = {}) {
  const { client } = await services.clients.create({
    name: 'Television',
    public: true,
    grantTypes: [DEVICE_CODE],
    ...input,
  })
  const asked = await form(app, '/oauth/device_authorization', { client_id: client.id, scope: 'orders:read' })
  const { device_code, user_code } = asked.json<{ device_code: string; user_code: string }>()
  const poll = async () =>
    (await form(app, '/oauth/token', { grant_type: DEVICE_CODE, client_id: client.id, device_code })).json()
  return { client, userCode: user_code, poll }
}

t.test('a user enters the code, reviews the request and authorizes the device', async t => {
  const { userCode, poll } = await waiting()
  const page = await browser.get('/device')
  t.match(page.body, /<label for="user_code">.*<input id="user_code" name="user_code"/s)
  const asked = await browser.submit(page, { user_code: userCode.replace('-', '').toLowerCase() }, /device$/)
  t.equal(asked.statusCode, 200)
  for (const said of ['Television', 'Read orders', user.email, userCode]) t.match(asked.body, said)
  const done = await browser.submit(asked, { decision: 'approve' }, /device$/)
  t.equal(done.statusCode, 200)
  t.match(done.body, 'Device connected')
  t.match(await poll(), { token_type: 'Bearer', scope: 'orders:read' })
})

t.test('a user can grant fewer scopes than a device requests', async t => {
  const { client } = await services.clients.create({ name: 'Radio', public: true, grantTypes: [DEVICE_CODE] })
  const scope = 'orders:read reports'
  const asked = await form(app, '/oauth/device_authorization', { client_id: client.id, scope })
  const { device_code, user_code } = asked.json<{ device_code: string; user_code: string }>()
  const page = await browser.get(`/device?user_code=${user_code}`)
  const nothing = { 'scope.orders:read': undefined, 'scope.reports': undefined }
  const none = await browser.submit(page, { decision: 'approve', ...nothing }, /device$/)
  t.equal(none.statusCode, 400)
  t.match(none.body, /role="alert">Select at least one permission/)
  const more = await browser.submit(page, { decision: 'approve', 'scope.orders:create': '1' }, /device$/)
  t.equal(more.statusCode, 400, 'and no more')
  const done = await browser.submit(page, { decision: 'approve', 'scope.reports': undefined }, /device$/)
  t.match(done.body, 'Device connected')
  const got = await form(app, '/oauth/token', { grant_type: DEVICE_CODE, client_id: client.id, device_code })
  t.equal(got.json().scope, 'orders:read')
})

t.test('or denies it', async t => {
  const { userCode, poll } = await waiting()
  const asked = await browser.submit(await browser.get('/device'), { user_code: userCode }, /device$/)
  t.match((await browser.submit(asked, { decision: 'deny' }, /device$/)).body, 'Device not connected')
  t.match(await poll(), { error: 'access_denied' })
})

t.test('the complete link still requires consent, names the app and shows the code', async t => {
  const { userCode, poll } = await waiting()
  const page = await browser.get(`/device?user_code=${userCode}`)
  for (const said of ['Television', userCode]) t.match(page.body, said)
  t.match(await poll(), { error: 'authorization_pending' })
  await browser.submit(page, { decision: 'approve' }, /device$/)
  t.match(await poll(), { token_type: 'Bearer' })
})

t.test('a user who signs in returns with the code', async t => {
  const { userCode } = await waiting()
  const fresh = new Browser(app)
  const there = locationOf(await fresh.get(`/device?user_code=${userCode}`))
  t.equal(there.pathname, '/login')
  const page = await fresh.get(there.pathname + there.search)
  const back = await fresh.submit(page, { email: user.email, password: 'correct horse battery' }, /login$/)
  t.equal(back.headers.location, `/device?user_code=${userCode}`)
  t.equal(locationOf(await new Browser(app).get('/device')).search, '?next=%2Fdevice')
})

t.test('wrong, used and missing codes get an error', async t => {
  const { userCode } = await waiting()
  const asked = await browser.get(`/device?user_code=${userCode}`)
  await browser.submit(asked, { decision: 'deny' }, /device$/)
  for (const user_code of [userCode, 'BCDF-BCDF', 'x', '<script>', undefined]) {
    const page = await browser.submit(await browser.get('/device'), { user_code }, /device$/)
    t.equal(page.statusCode, 400)
    t.match(page.body, 'role="alert"')
    t.notMatch(page.body, '<script>')
  }
  const late = await browser.submit(asked, { decision: 'approve' }, /device$/)
  t.equal(late.statusCode, 400)
})

t.test('guessing codes is limited', async t => {
  const guessing = await testApp(t)
  const guesser = new Browser(guessing.app)
  await guesser.signIn(await newUser(guessing.services))
  const page = await guesser.get('/device')
  const statuses = new Set<number>()
  for (let i = 0; i < 60; i++) {
    const answer = await guesser.submit(page, { user_code: 'BCDF-BCDF' }, /device$/)
    statuses.add(answer.statusCode)
    if (answer.statusCode === 429) t.ok(Number(answer.headers['retry-after']) > 0)
  }
  t.strictSame([...statuses], [400, 429])
})

t.test('an outdated form shows the confirmation again, and authorizes nothing', async t => {
  const { userCode, poll } = await waiting()
  const again = new Browser(app)
  await again.signIn(user)
  const asked = await again.get(`/device?user_code=${userCode}`)
  await again.signIn(user)
  const refused = await again.submit(asked, { decision: 'approve' }, /device$/)
  t.equal(refused.statusCode, 403)
  for (const said of ['Television', 'Read orders', user.email, userCode, 'This form has expired'])
    t.match(refused.body, said)
  t.match(await poll(), { error: 'authorization_pending' })
  const done = await again.submit(refused, { decision: 'approve' }, /device$/)
  t.match(done.body, 'Device connected')
  const answered = await again.submit(asked, { decision: 'approve' }, /device$/)
  t.equal(answered.statusCode, 403)
  t.match(answered.body, 'This code is not valid or has expired')
  const typed = await again.submit(asked, { user_code: undefined, decision: 'approve' }, /device$/)
  t.match([typed.statusCode, typed.body], [403, '<input id="user_code"'])

  await again.submit(done, {}, /logout$/)
  const out = await again.submit(asked, { decision: 'approve' }, /device$/)
  t.equal(out.statusCode, 403)
  t.match(out.body, `<a href="/login?next=${encodeURIComponent(`/device?user_code=${userCode}`)}">`)
})

t.test('a decision requires the token of its form', async t => {
  const { userCode, poll } = await waiting()
  const asked = await browser.get(`/device?user_code=${userCode}`)
  for (const _csrf of [undefined, 'x']) {
    t.equal((await browser.submit(asked, { decision: 'approve', _csrf }, /device$/)).statusCode, 403)
  }
  const other = new Browser(app)
  await other.signIn(await newUser(services))
  t.equal((await other.submit(asked, { decision: 'approve' }, /device$/)).statusCode, 403)
  t.equal((await new Browser(app).submit(asked, { decision: 'approve' }, /device$/)).statusCode, 403)
  t.match(await poll(), { error: 'authorization_pending' })
})
