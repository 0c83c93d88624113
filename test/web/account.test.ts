import t from 'tap'
import { actingAs, newUser, PASSWORD, testApp } from '../helpers/app.ts'
import { Browser, errorsOf, formOf, locationOf } from '../helpers/browser.ts'
import { expire } from '../helpers/expiry.ts'
import { refusesForgery } from '../helpers/forms.ts'

const { app, services } = await testApp(t)
const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
const NEXT = 'battery staple horse'

async function person() {
  const user = await newUser(services)
  const browser = new Browser(app)
  await browser.signIn(user)
  return { user, browser }
}
const elsewhere = async (email: string, userAgent: string) => {
  const browser = new Browser(app)
  const { action, fields } = formOf((await browser.get('/login')).body, /login$/)
  await browser.post(action, { ...fields, email, password: PASSWORD }, { 'user-agent': userAgent })
  return browser
}
const WHO = /account$/
const PASS = /account\/password$/
const said = ({ body }: { body: string }) => /role="(?:alert|status)"[^>]*>(.*?)<\/p>/.exec(body)?.[1]
const isIn = async (browser: Browser) => (await browser.get('/account')).statusCode === 200

t.test('the page requires a signed-in user', async t => {
  const nobody = new Browser(app)
  t.equal(locationOf(await nobody.get('/account')).searchParams.get('next'), '/account')
  for (const path of ['', '/password', '/sessions/end', '/sessions/x/end']) {
    t.equal((await nobody.post(`/account${path}`, {})).statusCode, 401)
  }
})

t.test('only the user can change their name', async t => {
  const { user, browser } = await person()
  const page = await browser.get('/account')
  const { email } = user
  const done = await browser.submit(page, { name: '"><script>alert(1)</script>', email }, WHO)
  t.equal(done.headers.location, '/account')
  const after = await browser.get('/account')
  t.equal(said(after), 'Your profile was updated.')
  t.match(after.body, 'Signed in as <bdi>&quot;&gt;&lt;script&gt;')
  t.notMatch(after.body, /<script>/)
  t.match((await browser.submit(page, { name: ' ', email }, WHO)).body, 'Name must have 1 to 255 characters')
  const rest = { role: 'admin', id: 'x', password_hash: 'x' }
  await browser.submit(page, { name: 'Ada', email, ...rest }, WHO)
  t.match(await services.users.find(user.id), { name: 'Ada', role: 'user' })
})

t.test('an e-mail address is changed with the password', async t => {
  const { user, browser } = await person()
  const other = await newUser(services)
  const page = await browser.get('/account')
  const change = (fields: Record<string, string>) => browser.submit(page, { name: 'Ada', ...fields }, WHO)
  const refused: [Record<string, string>, RegExp][] = [
    [{ email: 'new@example.com' }, /Current password is required/],
    [{ email: 'new@example.com', current_password: 'wrong' }, /Current password is wrong/],
    [{ email: other.email, current_password: PASSWORD }, /E-mail address is taken/],
    [{ email: 'nonsense', current_password: PASSWORD }, /must be an e-mail address/],
    [{ email: '', current_password: PASSWORD }, /must be an e-mail address/],
  ]
  for (const [fields, why] of refused) {
    const answer = await change(fields)
    t.equal(answer.statusCode, 400)
    t.match(Object.values(errorsOf(answer.body)).join(' '), why)
    if (fields.email) t.match(answer.body, `value="${fields.email}"`, 'what was typed is still there')
    t.notMatch(answer.body, `value="${fields.current_password}"`, 'but for the password')
  }
  const email = `moved-${user.email}`
  t.equal((await change({ email: ` ${email.toUpperCase()} `, current_password: PASSWORD })).statusCode, 303)
  t.equal((await services.users.find(user.id)).email, email)
  t.equal((await change({ email })).statusCode, 303, 'the same one needs none')
})

t.test('a password change requires the current one, and signs out everywhere else', async t => {
  const { user, browser } = await person()
  const other = await elsewhere(user.email, FIREFOX)
  const { headers } = await actingAs(services, [], { user })
  const page = await browser.get('/account')
  const change = (fields: Record<string, string>) =>
    browser.submit(page, { current_password: PASSWORD, password: NEXT, password_confirmation: NEXT, ...fields }, PASS)
  const refused: [Record<string, string>, RegExp][] = [
    [{ current_password: 'wrong' }, /Current password is wrong/],
    [{ current_password: '' }, /Current password is required/],
    [{ password: 'short', password_confirmation: 'short' }, /New password must have at least 8/],
    [{ password_confirmation: 'another one' }, /do not match/],
    [{ password: '', password_confirmation: '' }, /New password must have at least 8/],
  ]
  for (const [fields, why] of refused) t.match(Object.values(errorsOf((await change(fields)).body)).join(' '), why)
  t.ok(await isIn(other))
  const before = browser.session
  t.equal((await change({})).statusCode, 303)
  t.not(browser.session, before, 'a new session')
  t.match(said(await browser.get('/account')), 'Your password was changed.')
  t.notOk(await isIn(other))
  t.equal((await app.inject({ url: '/api/user', headers })).statusCode, 200, 'tokens stay')
  t.equal((await new Browser(app).signIn(user)).statusCode, 401)
  t.equal((await new Browser(app).signIn(user, NEXT)).statusCode, 303)
})

t.test('failed attempts are delayed as at sign-in', async t => {
  const { user, browser } = await person()
  const page = await browser.get('/account')
  const fields = { current_password: 'wrong', password: NEXT, password_confirmation: NEXT }
  for (let i = 0; i < 10; i++) t.equal((await browser.submit(page, fields, PASS)).statusCode, 400)
  t.equal((await new Browser(app).signIn(user, 'wrong')).statusCode, 401, 'a known browser has a count of its own')
  const both = await Promise.all([browser.submit(page, fields, PASS), browser.submit(page, fields, PASS)])
  const refused = both.find(({ statusCode }) => statusCode === 429)
  t.ok(Number(refused?.headers['retry-after']) > 0, 'and the page says when to try again')
})

t.test('sessions are listed, and ended individually or all together', async t => {
  const { user, browser } = await person()
  const firefox = await elsewhere(user.email, FIREFOX)
  const hostile = await elsewhere(user.email, '"><script>alert(1)</script>')
  const nameless = await elsewhere(user.email, '')
  const page = await browser.get('/account')
  t.match(page.body, 'Firefox on Linux')
  t.match(page.body, /<bdi>&quot;&gt;&lt;script&gt;/)
  t.notMatch(page.body, /<script>|\u202e/)
  t.match(page.body, /127\.0\.0\.1<\/td>/)
  t.equal(page.body.match(/>This browser</g)?.length, 1)

  const rows = await services.sessions.list(user.id)
  t.equal(rows.length, 4)
  const id = rows.find(({ userAgent }) => userAgent === FIREFOX)?.id
  await browser.submit(page, {}, new RegExp(`${id}/end$`))
  t.match(said(await browser.get('/account')), 'The other browser was signed out.')
  t.strictSame([await isIn(firefox), await isIn(hostile), await isIn(nameless)], [false, true, true])
  t.equal((await browser.submit(page, {}, new RegExp(`${id}/end$`))).statusCode, 404, 'twice')

  const out = await browser.submit(page, {}, /sessions\/end$/)
  t.equal(out.headers.location, '/login')
  t.notOk(browser.session)
  t.strictSame([await isIn(browser), await isIn(hostile), await isIn(nameless)], [false, false, false])
  const [event] = await services.auditLog.list({ userId: user.id, kind: 'session.ended' }, { limit: 1 })
  t.match(event, { actorUserId: user.id, details: { sessions: 3, everywhere: true } })
})

t.test('ending the current session signs out', async t => {
  const { user, browser } = await person()
  const [session] = await services.sessions.list(user.id)
  const out = await browser.submit(await browser.get('/account'), {}, new RegExp(`${session?.id}/end$`))
  t.equal(out.headers.location, '/login')
  t.notOk(await isIn(browser))
})

t.test('the session of another user is not found', async t => {
  const [one, other] = [await person(), await person()]
  const [theirs] = await services.sessions.list(other.user.id)
  const { fields } = formOf((await one.browser.get('/account')).body, WHO)
  for (const id of [theirs?.id, 'nonsense', '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a11']) {
    t.equal((await one.browser.post(`/account/sessions/${id}/end`, fields)).statusCode, 404)
  }
  t.ok(await isIn(other.browser))
})

t.test('an ended session is not listed', async t => {
  const { user, browser } = await person()
  await elsewhere(user.email, FIREFOX)
  await expire(services.db, 'sessions', `user_id = ? and user_agent = ?`, [user.id, FIREFOX])
  t.notMatch((await browser.get('/account')).body, 'Firefox')
})

t.test('every form requires its CSRF token', async t => {
  const { user, browser } = await person()
  const both = { browser, other: (await person()).browser }
  const page = await browser.get('/account')
  await refusesForgery(t, both, page, { name: 'forged', email: user.email }, WHO)
  const password = { current_password: PASSWORD, password: NEXT, password_confirmation: NEXT }
  await refusesForgery(t, both, page, password, PASS)
  await refusesForgery(t, both, page, {}, /sessions\/[^/]+\/end$/)
  await refusesForgery(t, both, page, {}, /sessions\/end$/)
  t.equal((await services.users.find(user.id)).name, 'Ada Lovelace')
  t.ok(await isIn(browser))
})
