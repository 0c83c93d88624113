import t from 'tap'
import type { NewClient } from '../../src/clients/clients.ts'
import { newUser, testApp } from '../helpers/app.ts'
import { authorizeUrl, Browser, formOf, locationOf } from '../helpers/browser.ts'

const { app, services } = await testApp(t)
const user = await newUser(services)

const browserOf = async (person = user) => {
  const browser = new Browser(app)
  await browser.signIn(person)
  return browser
}
const newClient = async (input: Partial<NewClient> = {}) =>
  (await services.clients.create({ name: 'Calendar', redirectUris: ['https://app.example/cb'], ...input })).client

t.test('the consent page', async t => {
  const browser = await browserOf()

  t.test('names the app, its owner, the scopes, the user and the destination', async t => {
    const maker = await newUser(services, 'user', 'maker@example.com')
    const client = await newClient({ userId: maker.id })
    const { body } = await browser.get(authorizeUrl(client, { scope: 'orders:read reports' }))
    for (const said of ['Calendar', 'Read orders', 'See reports', user.email, 'app.example']) {
      t.match(body, said)
    }
    t.notMatch(body, maker.email, 'which nobody has confirmed')
    t.notMatch(body, 'Place orders', 'nothing that was not asked for')
    t.match(body, /<html lang="en">/)
    t.match(body, /<a href="\/login\?next=[^"]*">Use another account/)
  })

  t.test('names a local destination, and warns of an unverified app', async t => {
    const client = await newClient({ public: true, redirectUris: ['http://127.0.0.1/cb', 'com.example.app:/cb'] })
    const local = await browser.get(authorizeUrl(client, { redirect_uri: 'http://127.0.0.1:5000/cb' }))
    t.match(local.body, /on this device \(<bdi>127\.0\.0\.1<\/bdi>\)/)
    t.match(local.body, 'cannot verify the identity')
    const own = await browser.get(authorizeUrl(client, { redirect_uri: 'com.example.app:/cb' }))
    t.match(own.body, /on this device \(<bdi>com\.example\.app<\/bdi>\)/)
  })

  t.test('is remembered for a confidential client, by scope', async t => {
    const client = await newClient()
    const asked = async (scope: string) => (await browser.get(authorizeUrl(client, { scope }))).statusCode === 200
    t.ok(await asked('orders:read'))
    await browser.approve(authorizeUrl(client, { scope: 'orders:read' }))
    t.notOk(await asked('orders:read'))
    t.ok(await asked('orders:read reports'), 'something new')
    await browser.approve(authorizeUrl(client, { scope: 'reports' }))
    t.notOk(await asked('orders:read reports'), 'both, one after the other')
    const other = await browserOf(await newUser(services))
    t.equal((await other.get(authorizeUrl(client))).statusCode, 200, 'by nobody else')
    t.equal((await browser.get(authorizeUrl(await newClient()))).statusCode, 200, 'for no other app')
  })

  t.test('is not remembered after it was denied or revoked', async t => {
    const client = await newClient()
    const page = await browser.get(authorizeUrl(client))
    await browser.submit(page, { decision: 'deny' }, /consent$/)
    t.equal((await browser.get(authorizeUrl(client))).statusCode, 200)
    await browser.approve(authorizeUrl(client))
    await services.authorizations.withdraw(user.id, client.id)
    t.equal((await browser.get(authorizeUrl(client))).statusCode, 200)
  })

  t.test('is shown again when no scope is checked', async t => {
    const client = await newClient({ scopes: ['reports'] })
    const page = await browser.get(authorizeUrl(client))
    t.equal(page.statusCode, 200)
    t.match(page.body, 'requests no permissions')
  })

  t.test('is always shown for a public client', async t => {
    const client = await newClient({ public: true })
    for (const _ of [1, 2, 3]) t.ok((await browser.approve(authorizeUrl(client))).searchParams.has('code'))
  })

  t.test('audits the scopes and the user', async t => {
    const client = await newClient()
    await browser.approve(authorizeUrl(client, { scope: 'reports' }))
    const [event, ...more] = await services.auditLog.list(
      { kind: 'consent.granted', clientId: client.id },
      { limit: 5 },
    )
    t.strictSame(more, [])
    t.match(event, { userId: user.id, actorUserId: user.id, details: { scopes: ['reports'] }, address: '127.0.0.1' })
  })
})

t.test('the decision', async t => {
  const client = await newClient()
  const url = authorizeUrl(client, { prompt: 'consent', state: 's' })

  t.test('requires the token of its form', async t => {
    const browser = await browserOf()
    const page = await browser.get(url)
    for (const _csrf of [undefined, '', 'x', 'a-b-c']) {
      const refused = await browser.submit(page, { decision: 'approve', _csrf }, /consent$/)
      t.equal(refused.statusCode, 403)
      t.match(refused.headers['content-type'], 'text/html')
      t.notOk(refused.headers.location)
    }
    t.equal((await browser.submit(page, { decision: 'approve' }, /consent$/)).statusCode, 303)
  })

  t.test('is rejected in another session', async t => {
    const [browser, other] = [await browserOf(), await browserOf(await newUser(services))]
    const { action, fields } = formOf((await browser.get(url)).body, /consent$/)
    const mine = formOf((await other.get(url)).body, /consent$/).fields
    t.equal((await other.post(action, { ...fields, decision: 'approve' })).statusCode, 403)
    const mixed = await other.post(action, { ...fields, _csrf: mine._csrf, decision: 'approve' })
    t.equal(mixed.statusCode, 400, 'what the form is about belongs to the session too')
    t.notOk(mixed.headers.location)
    const again = new Browser(app)
    for (const [name, value] of browser.cookies) again.cookies.set(name, value)
    await again.signIn(user)
    t.equal((await again.post(action, { ...fields, decision: 'approve' })).statusCode, 403, 'nor after a new sign-in')
    t.equal((await new Browser(app).post(action, { ...fields, decision: 'approve' })).statusCode, 403)
  })

  t.test('cannot grant anything that was not shown', async t => {
    const browser = await browserOf()
    const { action, fields } = formOf((await browser.get(url)).body, /consent$/)
    t.strictSame(Object.keys(fields).sort(), ['_csrf', 'form', 'scope.orders:read'], 'the form carries no more')
    const other = await newClient()
    const elsewhere = formOf((await browser.get(authorizeUrl(other))).body, /consent$/).fields.form as string
    const [head, body, signature] = (fields.form as string).split('.') as [string, string, string]
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString())
    const forged = (change: object) =>
      [head, Buffer.from(JSON.stringify({ ...claims, ...change })).toString('base64url'), signature].join('.')
    const changes: Record<string, string | undefined>[] = [
      { scope: 'reports' },
      { client_id: other.id },
      { state: 'other' },
      { form: undefined },
      { form: 'x' },
      { form: forged({ scopes: ['reports'] }) },
      { form: forged({ query: claims.query.replace(client.id, other.id) }) },
      { form: [head, elsewhere.split('.')[1], signature].join('.') },
      { form: [Buffer.from('{"alg":"none"}').toString('base64url'), body, ''].join('.') },
      { decision: 'perhaps' },
      { decision: undefined },
      { 'scope.reports': '1' },
      { 'scope.': '1' },
      { 'scope.orders:read': undefined },
    ]
    for (const change of changes) {
      const refused = await browser.post(action, { ...fields, decision: 'approve', ...change })
      t.equal(refused.statusCode, 400, JSON.stringify(change))
      t.notOk(refused.headers.location)
    }
    const twice = `${new URLSearchParams({ ...fields, decision: 'deny' })}&decision=approve`
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const cookies = Object.fromEntries(browser.cookies)
    const refused = await app.inject({ method: 'POST', url: action, headers, cookies, payload: twice })
    t.equal(refused.statusCode, 400)
  })

  t.test('is rejected after signing out', async t => {
    const browser = await browserOf()
    const page = await browser.get(url)
    const kept = new Map(browser.cookies)
    await browser.submit(page, {}, /logout$/)
    for (const [name, value] of kept) browser.cookies.set(name, value)
    t.equal((await browser.submit(page, { decision: 'approve' }, /consent$/)).statusCode, 403)
  })

  t.test('is rejected when the app has lost the requested scopes', async t => {
    const browser = await browserOf()
    const shrinking = await newClient({ scopes: ['orders:read'] })
    const page = await browser.get(authorizeUrl(shrinking))
    await services.clients.update(shrinking.id, { scopes: ['reports'] })
    t.equal((await browser.submit(page, { decision: 'approve' }, /consent$/)).statusCode, 400)
    await services.clients.revoke(shrinking.id)
    const gone = await browser.submit(page, { decision: 'approve' }, /consent$/)
    t.equal(gone.statusCode, 400)
    t.notOk(gone.headers.location)
  })

  t.test('of a disabled user is rejected', async t => {
    const leaving = await newUser(services)
    const browser = await browserOf(leaving)
    const page = await browser.get(url)
    await services.users.disable(leaving.id)
    t.equal((await browser.submit(page, { decision: 'approve' }, /consent$/)).statusCode, 403)
    t.equal(locationOf(await browser.get(url)).pathname, '/login')
  })
})

t.test('a user can grant fewer scopes than an app requests', async t => {
  const person = await newUser(services)
  const browser = await browserOf(person)
  const client = await newClient()
  const url = authorizeUrl(client, { scope: 'orders:read orders:create reports', prompt: 'consent' })
  const page = await browser.get(url)
  t.notMatch(page.body, /authorized this app before|>New</, 'nothing is new at the first authorization')
  const nothing = { 'scope.orders:read': undefined, 'scope.orders:create': undefined, 'scope.reports': undefined }
  const none = await browser.submit(page, { decision: 'approve', ...nothing }, /consent$/)
  t.equal(none.statusCode, 400)
  t.match(none.body, 'Select at least one permission')
  const denied = await browser.submit(page, { decision: 'deny', ...nothing }, /consent$/)
  t.equal(locationOf(denied).searchParams.get('error'), 'access_denied')
  const answer = await browser.submit(page, { decision: 'approve', 'scope.orders:create': undefined }, /consent$/)
  t.ok(locationOf(answer).searchParams.get('code'))
  const [known] = await services.authorizations.list(person.id, { limit: 1 })
  t.strictSame(known?.scopes.sort(), ['orders:read', 'reports'])

  const again = await browser.get(authorizeUrl(client, { scope: 'orders:read orders:create reports' }))
  t.equal(again.statusCode, 200, 'the rest is asked for again')
  t.match(again.body, 'You have authorized this app before.')
  const marked = [...again.body.matchAll(/<code>([^<]*)<\/code> <strong class="badge">New</g)].map(([, id]) => id)
  t.strictSame(marked, ['orders:create'], 'and marked as new')
  t.equal((await browser.get(authorizeUrl(client, { scope: 'reports' }))).statusCode, 303, 'what was left is not')
})

t.test('hostile names, states and errors are shown as text', async t => {
  const browser = await browserOf(
    await services.users.create({
      email: 'x@example.com',
      name: '<img src=x onerror=alert(1)>',
      password: 'correct horse battery',
    }),
  )
  const name = '"><script>alert(1)</script>\u202egnp.exe {email} $& '
  const client = await newClient({ name: 'app' })
  // A name that was stored before names had to be visible.
  await services.db.query('update oauth_clients set name = ? where id = ?', [name, client.id])
  const url = authorizeUrl(client, { state: '"><script>alert(2)</script>', prompt: 'consent' })
  const there = await new Browser(app).get(url)
  const bad = await browser.get('/oauth/authorize?client_id=%3Cscript%3Ealert(3)%3C/script%3E')
  const pages = [await browser.get(url), await new Browser(app).get(String(there.headers.location)), bad]
  for (const { body } of pages) {
    t.notMatch(body, '<script>')
    t.notMatch(body, '<img')
    t.notMatch(body, '\u202e', 'nothing turns the words around')
  }
  t.match(pages[0]!.body, '&lt;script&gt;alert(1)&lt;/script&gt;gnp.exe {email} $&amp;')
})
