import t from 'tap'
import { actingAs, newUser, PASSWORD, testApp } from '../helpers/app.ts'
import { Browser, formOf, isSessionCookie } from '../helpers/browser.ts'
import { expire } from '../helpers/expiry.ts'
import { requester } from '../helpers/requester.ts'

const { app, services } = await testApp(t)
const secure = await testApp(t, { issuer: 'https://id.example' })

const isSignedIn = async (browser: Browser) => (await browser.get('/login')).body.includes('You are signed in')
const setCookie = ({ headers }: { headers: Record<string, unknown> }) =>
  [headers['set-cookie']]
    .flat()
    .map(String)
    .find(text => isSessionCookie(text.split('=', 1)[0] as string))

t.test('the cookie', async t => {
  t.test('is out of reach of scripts and of other sites', async t => {
    const cookie = setCookie(await new Browser(app).signIn(await newUser(services)))
    t.match(cookie, /^postern-[0-9a-f]{8}=[\w-]{43}; Max-Age=1209600; Path=\/; HttpOnly; SameSite=Lax$/)
  })

  t.test('is bound to the host and to https where the issuer is', async t => {
    const browser = new Browser(secure.app)
    const answer = await browser.signIn(await newUser(secure.services))
    t.match(setCookie(answer), /^__Host-postern-.*; Path=\/; HttpOnly; Secure; SameSite=Lax$/)
    t.notMatch(setCookie(answer), 'Domain')
    t.ok(await isSignedIn(browser))
    const { session, sessionCookie } = browser as { session: string; sessionCookie: string }
    browser.cookies.set(sessionCookie.replace('__Host-', ''), session)
    browser.cookies.delete(sessionCookie)
    t.notOk(await isSignedIn(browser), 'by the other name it is nothing')
  })

  t.test('is nowhere in the database', async t => {
    const browser = new Browser(app)
    await browser.signIn(await newUser(services))
    const rows = await services.db.query('select s::text as row from sessions s')
    t.ok(rows.length > 0)
    t.notMatch(JSON.stringify(rows), browser.session as string)
  })
})

t.test('signing in gives a new session, and the old one is dead', async t => {
  const user = await newUser(services)
  const browser = new Browser(app)
  await browser.signIn(await newUser(services))
  const name = browser.sessionCookie as string
  browser.cookies.set(name, 'planted')
  await browser.signIn(user)
  const first = browser.session as string
  t.not(first, 'planted')
  await browser.signIn(await newUser(services))
  const second = browser.session as string
  t.not(first, second)
  t.ok(await isSignedIn(browser))
  browser.cookies.set(name, first)
  t.notOk(await isSignedIn(browser))
})

t.test('a session ends', async t => {
  const signedIn = async () => {
    const user = await newUser(services)
    const browsers = [new Browser(app), new Browser(app)]
    for (const browser of browsers) await browser.signIn(user)
    return { user, browsers }
  }
  const bystander = new Browser(app)
  await bystander.signIn(await newUser(services))

  t.test('when the user is disabled, and does not come back', async t => {
    const { user, browsers } = await signedIn()
    await services.users.disable(user.id)
    for (const browser of browsers) t.notOk(await isSignedIn(browser))
    await services.users.enable(user.id)
    for (const browser of browsers) t.notOk(await isSignedIn(browser))
  })

  t.test('when the password changes', async t => {
    const { user, browsers } = await signedIn()
    const { headers } = await actingAs(services, [], { user })
    const change = { current_password: PASSWORD, password: 'battery staple' }
    t.equal((await requester(app, headers).put('/api/user/password', change)).statusCode, 204)
    for (const browser of browsers) t.notOk(await isSignedIn(browser))
    t.equal((await browsers[0]!.signIn(user)).statusCode, 401)
    t.equal((await browsers[0]!.signIn(user, 'battery staple')).statusCode, 303)
  })

  t.test('when its time is over', async t => {
    const { user, browsers } = await signedIn()
    await expire(services.db, 'sessions', 'user_id = ?', [user.id])
    for (const browser of browsers) t.notOk(await isSignedIn(browser))
  })

  t.test('with all others of the user, when an operator signs the user out', async t => {
    const { user, browsers } = await signedIn()
    await services.signOut(user.id)
    for (const browser of browsers) t.notOk(await isSignedIn(browser))
  })

  t.test('for nobody else', async t => t.ok(await isSignedIn(bystander)))
})

t.test('a session does not begin for a user who changed since the password was proved', async t => {
  const device = { address: '127.0.0.1', userAgent: '', newDevice: undefined }
  const [disabled, changed] = [await newUser(services), await newUser(services)]
  await services.users.disable(disabled.id)
  await services.users.setPassword(changed.id, 'battery staple')
  for (const user of [disabled, changed]) {
    await t.rejects(services.sessions.create(user, device), { code: 'invalid_credentials' })
  }
})

t.test('a session knows where it was last seen, to the minute', async t => {
  const user = await newUser(services)
  const browser = new Browser(app)
  await browser.signIn(user)
  const seen = async () => {
    const [row] = await services.db.query<{ last_seen_at: Date }>('select * from sessions where user_id = ?', [user.id])
    return new Date(row!.last_seen_at).getTime()
  }
  const first = await seen()
  await isSignedIn(browser)
  t.equal(await seen(), first, 'not written for every page')
  await services.db.query(`update sessions set last_seen_at = now() - interval '2 minutes' where user_id = ?`, [
    user.id,
  ])
  await isSignedIn(browser)
  t.ok((await seen()) >= first)
})

t.test('a device is remembered as it told of itself, however much that was', async t => {
  const user = await newUser(services)
  const browser = new Browser(app)
  const page = await browser.get('/login')
  const headers = { 'user-agent': `Mozilla ${'x'.repeat(1_000)}` }
  const answer = await browser.post('/login', { ...hidden(page.body), email: user.email, password: PASSWORD }, headers)
  t.equal(answer.statusCode, 303)
  const [row] = await services.db.query<{ user_agent: string; address: string }>(
    'select * from sessions where user_id = ?',
    [user.id],
  )
  t.match(row, { user_agent: /^Mozilla x{247}$/, address: '127.0.0.1' })
})

function hidden(html: string): Record<string, string> {
  return { _csrf: /name="_csrf" value="([^"]*)"/.exec(html)?.[1] ?? '' }
}

t.test('two instances on one host do not sign each other out', async t => {
  const issuers = ['http://localhost:3000', 'http://localhost:4000', 'http://localhost:3000/a']
  const jar = new Map<string, string>()
  const browsers: Browser[] = []
  for (const issuer of issuers) {
    const instance = await testApp(t, { issuer })
    const browser = new Browser(instance.app)
    // A browser keeps one jar for every port of a host.
    Object.assign(browser, { cookies: jar })
    const { action, fields } = formOf((await browser.get('/login')).body, /login$/)
    const path = action.replace(new URL(issuer).pathname.replace(/\/$/, ''), '')
    const { email } = await newUser(instance.services)
    t.equal((await browser.post(path, { ...fields, email, password: PASSWORD })).statusCode, 303, issuer)
    browsers.push(browser)
  }
  for (const browser of browsers) t.ok(await isSignedIn(browser))
})
