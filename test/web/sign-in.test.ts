import { mock } from 'node:test'
import t from 'tap'
import { newUser, PASSWORD, testApp } from '../helpers/app.ts'
import { authorizeUrl, Browser, formOf, isSessionCookie, locationOf } from '../helpers/browser.ts'

const { app, services } = await testApp(t)
const user = await newUser(services)

t.test('signing in', async t => {
  t.test('accepts e-mail address and password, and shows the user', async t => {
    const browser = new Browser(app)
    const page = await browser.get('/login')
    t.equal(page.statusCode, 200)
    t.match(page.body, /<label for="email">.*<input id="email" name="email"/s)
    t.match(page.body, /<label for="password">.*<input id="password" name="password" type="password"/s)
    const answer = await browser.signIn(user)
    t.equal(answer.statusCode, 303)
    t.match((await browser.get(String(answer.headers.location))).body, user.email)
  })

  t.test('has the same response for a wrong password, an unknown and a disabled user', async t => {
    const disabled = await newUser(services)
    await services.users.disable(disabled.id)
    const tries = [
      await new Browser(app).signIn(user, 'wrong'),
      await new Browser(app).signIn({ email: 'nobody@example.com' }),
      await new Browser(app).signIn(disabled),
    ]
    for (const { statusCode, body, cookies } of tries) {
      t.equal(statusCode, 401)
      t.match(body, /role="alert"[^>]*>The e-mail address or the password is wrong\./)
      t.notOk(cookies.some(({ name }) => isSessionCookie(name)))
      t.notMatch(body, 'wrong"', 'the password does not come back')
    }
  })

  t.test('names missing fields', async t => {
    const browser = new Browser(app)
    const page = await browser.get('/login')
    for (const fields of [{}, { email: user.email }, { password: PASSWORD }, { email: '', password: '' }]) {
      const answer = await browser.submit(page, fields)
      t.equal(answer.statusCode, 400)
      t.match(answer.body, 'role="alert"')
    }
  })

  t.test('requires the token of its form', async t => {
    const browser = new Browser(app)
    const page = await browser.get('/login')
    const fields = { email: user.email, password: PASSWORD }
    t.equal((await browser.submit(page, { ...fields, _csrf: undefined })).statusCode, 403)
    t.equal((await browser.submit(page, { ...fields, _csrf: 'x' })).statusCode, 403)
    t.equal((await new Browser(app).submit(page, fields)).statusCode, 403, 'that of another browser is none')
    t.equal((await browser.submit(page, fields)).statusCode, 303)
  })

  t.test('delays guessing, whether the user exists or not', async t => {
    const known = await newUser(services)
    for (const email of [known.email, 'unknown@example.com']) {
      const answers = []
      const attempt = () => new Browser(app).signIn({ email: email.toUpperCase() }, 'wrong')
      for (let i = 0; i < 10; i++) answers.push(await attempt())
      t.strictSame(new Set(answers.map(a => a.statusCode)), new Set([401]))
      const last = (await Promise.all([attempt(), attempt()])).find(a => a.statusCode === 429)!
      t.equal(last.statusCode, 429)
      t.ok(Number(last.headers['retry-after']) > 0)
      t.match(last.body, 'Too many failed attempts')
    }
    const api = { email: known.email, password: PASSWORD, device_name: 'x' }
    const atBoth = [
      new Browser(app).signIn(known, 'wrong'),
      app.inject({ method: 'POST', url: '/api/tokens', payload: { ...api, password: 'wrong' } }),
    ]
    const statuses = (await Promise.all(atBoth)).map(a => a.statusCode).sort()
    t.strictSame(statuses, [401, 429], 'at the page and the API together')
    t.equal((await new Browser(app).signIn(known)).statusCode, 303, 'the right password is let in')
  })

  t.test('is audited, whether it succeeds or fails', async t => {
    const person = await newUser(services)
    await new Browser(app).signIn(person, 'wrong')
    await new Browser(app).signIn(person)
    const trail = await services.auditLog.list({ userId: person.id }, { limit: 10 })
    t.match(trail, [
      { kind: 'sign_in.succeeded', actorUserId: person.id, address: '127.0.0.1' },
      { kind: 'sign_in.failed', actorUserId: null, address: '127.0.0.1', details: {} },
      { kind: 'user.created' },
    ])
  })
})

t.test('next', async t => {
  const leads = async (next: string) => {
    const browser = new Browser(app)
    const page = await browser.get(`/login?next=${encodeURIComponent(next)}`)
    const fromPage = await browser.submit(page, { email: user.email, password: PASSWORD })
    const other = new Browser(app)
    const fromForm = await other.submit(await other.get('/login'), { email: user.email, password: PASSWORD, next })
    t.equal(fromForm.headers.location, fromPage.headers.location, next)
    return String(fromPage.headers.location)
  }

  t.test('redirects within this server', async t => {
    t.equal(await leads('/device?user_code=BCDF-GHJK'), '/device?user_code=BCDF-GHJK')
    t.equal(await leads('/a?b=//c'), '/a?b=//c')
  })

  t.test('does not redirect to other servers', async t => {
    const elsewhere = [
      '//evil.example',
      '///evil.example',
      '/\\evil.example',
      '\\\\evil.example',
      '\\/evil.example',
      '/\t/evil.example',
      '/\n/evil.example',
      '/..//evil.example',
      '/.//evil.example',
      '/x/../..//evil.example',
      'https://evil.example',
      'https:evil.example',
      'http://here.invalid/x',
      'javascript:alert(1)',
      'data:text/html,x',
      '%2f%2fevil.example',
      '@evil.example',
      ' //evil.example',
      '',
    ]
    for (const next of elsewhere) t.equal(await leads(next), '/tokens', JSON.stringify(next))
    for (const next of ['/%2f%2fevil.example', '/%5cevil.example', '/@evil.example', '/ //evil.example']) {
      const there = await leads(next)
      t.equal(new URL(there, 'http://localhost:3000/login').origin, 'http://localhost:3000', next)
      t.notMatch(there, /^\/[/\\]/)
    }
  })

  t.test('can be invalid', async t => {
    t.equal((await new Browser(app).get('/login?next=a&next=b')).statusCode, 200)
    t.equal((await new Browser(app).get('/login?next=%00')).statusCode, 400)
  })
})

t.test('only a form that leads to an app can redirect anywhere', async t => {
  const policy = async (url: string) => String((await new Browser(app).get(url)).headers['content-security-policy'])
  const redirectUris = ['https://app.example/cb', 'http://[::1]/cb', 'com.example.app:/cb']
  const { client } = await services.clients.create({ name: 'Calendar', public: true, redirectUris })
  for (const redirect_uri of redirectUris) {
    const there = (await new Browser(app).get(authorizeUrl(client, { redirect_uri }))).headers.location as string
    t.notMatch(await policy(there), /form-action/, redirect_uri)
  }
  const evil = authorizeUrl({ ...client, redirectUris: ['http://evil.example/cb'] })
  for (const url of ['/login', '/login?next=/device', `/login?next=${encodeURIComponent(evil)}`]) {
    t.match(await policy(url), /form-action 'self';/, url)
  }
})

t.test('only pages of the authorization flow keep their opener', async t => {
  const { client } = await services.clients.create({ name: 'Calendar', redirectUris: ['https://app.example/cb'] })
  const browser = new Browser(app)
  const opener = ({ headers }: { headers: object }) =>
    Object.entries(headers).find(([name]) => /opener/.test(name))?.[1]
  const inPopup = [
    await browser.get(authorizeUrl(client)),
    await browser.get('/login'),
    await browser.post('/login', {}),
    await browser.get('/oauth/authorize'),
    await browser.post('/oauth/authorize', { client_id: client.id }),
    await browser.get('/device'),
    await browser.signIn(user),
    await browser.get(authorizeUrl(client)),
    await browser.get(authorizeUrl(client, { scope: 'nope' })),
    await browser.get('/device'),
    await browser.post('/device', {}),
    await browser.post('/oauth/consent', {}),
    await browser.get('/docs/static/oauth2-redirect.html'),
  ]
  for (const answer of inPopup) t.equal(opener(answer), 'unsafe-none', String(answer.raw.req.url))
  for (const url of ['/tokens', '/apps', '/account', '/tokens/new', '/nothing']) {
    t.equal(opener(await browser.get(url)), 'same-origin', url)
  }
  t.equal(opener(await browser.get('/docs/')), 'same-origin-allow-popups')
})

t.test('signing out', async t => {
  t.test('ends the session, by a form only', async t => {
    const browser = new Browser(app)
    await browser.signIn(user)
    const { session, sessionCookie } = browser
    const page = await browser.get('/login')
    t.equal((await browser.get('/logout')).statusCode, 405)
    t.equal((await browser.submit(page, { _csrf: 'x' }, /logout$/)).statusCode, 403)
    t.match((await browser.get('/login')).body, 'You are signed in')
    const answer = await browser.submit(page, {}, /logout$/)
    t.equal(answer.statusCode, 303)
    t.equal(locationOf(answer).pathname, '/login')
    t.notOk(browser.session)
    browser.cookies.set(sessionCookie as string, session as string)
    t.notMatch((await browser.get('/login')).body, 'You are signed in', 'the cookie opens nothing any more')
    const [event] = await services.auditLog.list({ kind: 'session.ended', userId: user.id }, { limit: 1 })
    t.match(event, { actorUserId: user.id })
  })

  t.test('can be repeated', async t => {
    const browser = new Browser(app)
    const { fields } = formOf((await browser.get('/login')).body, /login$/)
    t.equal((await browser.post('/logout', fields)).statusCode, 303)
  })
})

t.test('an outdated form continues', async t => {
  const person = await newUser(services)
  const typed = { email: person.email, password: PASSWORD }

  t.test('in a second tab, to its target', async t => {
    const browser = new Browser(app)
    const tab = await browser.get('/login?next=/account')
    await browser.submit(tab, typed, /login$/)
    const second = await browser.submit(tab, typed, /login$/)
    t.match([second.statusCode, second.headers.location], [303, '/account'])
    const other = await browser.submit(tab, { ...typed, email: 'somebody@example.com' }, /login$/)
    t.equal(other.statusCode, 403)
    t.match(other.body, 'value="somebody@example.com"')
  })

  t.test('of two pages without a cookie, to a new form with the entered values', async t => {
    const browser = new Browser(app)
    const first = await browser.get('/login?next=/account')
    browser.cookies.clear()
    await browser.get('/login')
    const refused = await browser.submit(first, typed, /login$/)
    t.equal(refused.statusCode, 403)
    t.match(refused.body, `value="${person.email}"`)
    t.notMatch(refused.body, PASSWORD)
    const again = await browser.submit(refused, typed, /login$/)
    t.match([again.statusCode, again.headers.location], [303, '/account'])
  })

  t.test('without cookies, to an explanation', async t => {
    const refused = await new Browser(app).submit(await new Browser(app).get('/login'), typed, /login$/)
    t.equal(refused.statusCode, 403)
    t.match(refused.body, 'Your browser sent no cookies')
  })

  t.test('signing out twice', async t => {
    const browser = new Browser(app)
    await browser.signIn(person)
    const page = await browser.get('/login')
    await browser.submit(page, {}, /logout$/)
    const again = await browser.submit(page, {}, /logout$/)
    t.match([again.statusCode, again.headers.location], [303, '/login'])
    t.equal(again.headers['set-cookie'], undefined)
  })

  t.test('consent after signing in again, to a new consent page', async t => {
    const { client } = await services.clients.create({ name: 'Calendar', redirectUris: ['https://app.example/cb'] })
    const browser = new Browser(app)
    await browser.signIn(person)
    const page = await browser.get(authorizeUrl(client, { prompt: 'consent' }))
    await browser.signIn(person)
    const refused = await browser.submit(page, { decision: 'approve' }, /consent$/)
    t.equal(refused.statusCode, 403)
    t.notOk(refused.headers.location)
    const answer = await browser.submit(refused, { decision: 'approve' }, /consent$/)
    t.ok(locationOf(answer).searchParams.has('code'))
  })

  t.test('an expired consent form, to a new consent page, whatever was authorized meanwhile', async t => {
    const { client } = await services.clients.create({ name: 'Calendar', redirectUris: ['https://app.example/cb'] })
    const browser = new Browser(app)
    await browser.signIn(person)
    const url = authorizeUrl(client, { scope: 'orders:read', state: 's' })
    const page = await browser.get(url)
    await browser.approve(url)
    for (const decision of ['approve', 'deny']) {
      mock.timers.enable({ apis: ['Date'], now: Date.now() + 16 * 60_000 })
      const late = await browser.submit(page, { decision }, /consent$/).finally(() => mock.timers.reset())
      t.equal(late.statusCode, 400)
      t.notOk(late.headers.location, 'nothing is decided')
      t.match(late.body, 'Authorize <bdi>Calendar</bdi>?')
      t.match(late.body, 'This form has expired')
      const answer = locationOf(await browser.submit(late, { decision }, /consent$/))
      t.equal(answer.searchParams.has('code'), decision === 'approve')
      t.equal(answer.searchParams.get('state'), 's')
    }
  })

  t.test('any other form, to one with the entered values except passwords', async t => {
    const browser = new Browser(app)
    await browser.signIn(person)
    const page = await browser.get('/account')
    await browser.signIn(person)
    const stale = { name: 'Ada Byron', email: person.email, current_password: 'typed once' }
    const refused = await browser.submit(page, stale, /account$/)
    t.equal(refused.statusCode, 403)
    t.match(refused.body, 'value="Ada Byron"')
    t.notMatch(refused.body, 'typed once')
    t.equal((await browser.submit(refused, {}, /account$/)).headers.location, '/account')
    const { action, fields } = formOf(page.body, /account$/)
    const forged = await browser.post(action, { ...fields, ...stale }, { 'sec-fetch-site': 'cross-site' })
    t.notMatch(forged.body, 'Ada Byron"', 'nothing that another site sent comes back')
  })
})
