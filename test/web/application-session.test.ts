import Fastify, { type FastifyRequest } from 'fastify'
import t from 'tap'
import { PASSWORD } from '../helpers/app.ts'
import { Browser, formOf, locationOf } from '../helpers/browser.ts'
import { embedded } from '../helpers/embedding.ts'
import { userTable } from '../helpers/own-users.ts'

declare module 'fastify' {
  interface FastifyRequest {
    shopUser: string | undefined
  }
}

/** What the shop says of who is signed in, in place of its cookie. */
let instead: (() => unknown) | undefined
const table = userTable(
  { 42: { name: 'Ada', email: 'ada@shop.example' }, 43: { name: 'Grace', email: 'grace@shop.example' } },
  {
    session: async (request: FastifyRequest) => (instead ? instead() : request.shopUser) as string | undefined,
    signIn: async (email, password) =>
      password === PASSWORD ? [...table.rows].find(([, user]) => user.email === email)?.[0] : undefined,
  },
)
const postern = await embedded(t, { issuer: 'http://localhost/auth', users: table })
const app = Fastify()
app.decorateRequest('shopUser', undefined)
app.addHook('onRequest', async request => {
  request.shopUser = /shop=(\w+)/.exec(request.headers.cookie ?? '')?.[1]
})
await app.register(postern.plugin, { prefix: '/auth' })
t.teardown(() => app.close())

function shopper(id?: string): Browser {
  const browser = new Browser(app)
  if (id) browser.cookies.set('shop', id)
  return browser
}
const who = async (browser: Browser) =>
  /Signed in as <bdi>(.*?)<\/bdi>/.exec((await browser.get('/auth/account')).body)?.[1]
const LOGOUT = /logout$/

t.test('people who are signed in at the application use the pages without a second sign-in', async t => {
  const browser = shopper('42')
  const page = await browser.get('/auth/tokens')
  t.equal(page.statusCode, 200)
  t.match(page.body, 'Signed in as <bdi>Ada</bdi>')
  const { session } = browser
  await browser.get('/auth/account')
  t.equal(browser.session, session, 'one session, not one for each page')
  t.match((await browser.get('/auth/account')).body, 'The application that you come from manages')
  const api = await browser.get('/auth/api/session')
  t.match(api.json(), { data: { id: '42' } })
  t.match(await new Browser(app).get('/auth/tokens'), { statusCode: 303 }, 'nobody else is let in')
})

t.test('another user at the application is never taken for the one before', async t => {
  const browser = shopper('42')
  const form = formOf((await browser.get('/auth/tokens')).body, LOGOUT)
  const before = browser.session
  browser.cookies.set('shop', '43')
  const stale = await browser.post('/auth/account/sessions/end', form.fields)
  t.ok([401, 403].includes(stale.statusCode), 'a form of the one before does nothing for the other')
  t.equal((await browser.get('/auth/api/session')).statusCode, 401)
  t.equal(await who(browser), 'Grace')
  t.not(browser.session, before)
  browser.cookies.set('shop', '42')
  browser.cookies.set(browser.sessionCookie as string, before as string)
  t.equal(await who(browser), 'Ada')
  t.not(browser.session, before, 'the session of before has ended')
})

t.test('signing out there signs out here', async t => {
  const browser = shopper('42')
  t.equal(await who(browser), 'Ada')
  browser.cookies.delete('shop')
  t.equal(locationOf(await browser.get('/auth/tokens')).pathname, '/auth/login')
  t.equal((await browser.get('/auth/api/session')).statusCode, 401)
})

t.test('who signs out here stays out until they continue', async t => {
  const browser = shopper('42')
  const page = await browser.get('/auth/tokens')
  await browser.submit(page, {}, LOGOUT)
  t.equal(locationOf(await browser.get('/auth/tokens')).pathname, '/auth/login')
  const login = await browser.get('/auth/login?next=/auth/account')
  t.match(login.body, 'Continue as Ada')
  const forged = await browser.post('/auth/login/application', {})
  t.equal(forged.statusCode, 403, 'not by a form of another site')
  const done = await browser.submit(login, {}, /login\/application$/)
  t.equal(done.headers.location, '/auth/account')
  t.equal(await who(browser), 'Ada')
})

t.test('the sign-in page accepts the passwords of the application', async t => {
  const browser = shopper()
  const wrong = await browser.submit(
    await browser.get('/auth/login'),
    { email: 'ada@shop.example', password: 'x' },
    /login$/,
  )
  t.match(wrong.body, 'wrong')
  await browser.submit(await browser.get('/auth/login'), { email: 'ada@shop.example', password: PASSWORD }, /login$/)
  t.equal(await who(browser), 'Ada')
  const payload = { email: 'ada@shop.example', password: PASSWORD, name: 'cli', scopes: [] }
  const issued = await app.inject({ method: 'POST', url: '/auth/api/tokens', payload })
  t.match(issued.json(), { user: { id: '42' } })
  await postern.users.disable('43')
  const grace = await app.inject({
    method: 'POST',
    url: '/auth/api/tokens',
    payload: { ...payload, email: 'grace@shop.example' },
  })
  t.equal(grace.statusCode, 401)
  await postern.users.enable('43')
})

t.test('users of an application need no second factor here and cannot set one up', async t => {
  const strict = await embedded(t, { issuer: 'http://localhost/auth', users: table, mfa: 'required' })
  const app = Fastify()
  await app.register(strict.plugin, { prefix: '/auth' })
  t.teardown(() => app.close())
  const browser = new Browser(app)
  await browser.submit(await browser.get('/auth/login'), { email: 'ada@shop.example', password: PASSWORD }, /login$/)
  t.equal((await browser.get('/auth/tokens')).statusCode, 200)
  t.equal((await browser.get('/auth/account/security')).statusCode, 403)
  const payload = { email: 'ada@shop.example', password: PASSWORD, name: 'cli', scopes: [] }
  t.equal((await app.inject({ method: 'POST', url: '/auth/api/tokens', payload })).statusCode, 201)
})

t.test('an e-mail address of the application links to nobody here', async t => {
  const here = await postern.users.create({
    email: 'ada@shop.example',
    name: 'Another Ada',
    password: 'staple battery horse',
  })
  const payload = { email: 'ada@shop.example', password: PASSWORD, name: 'cli', scopes: [] }
  const theirs = await app.inject({ method: 'POST', url: '/auth/api/tokens', payload })
  t.match(theirs.json(), { user: { id: '42' } })
  const ours = await app.inject({
    method: 'POST',
    url: '/auth/api/tokens',
    payload: { ...payload, password: 'staple battery horse' },
  })
  t.match(ours.json(), { user: { id: here.id } })
})

t.test('an application that is away lets nobody in, and no page stays open', async t => {
  const browser = shopper('42')
  await browser.get('/auth/tokens')
  const answers = [
    () => {
      throw new Error('away')
    },
    () => 42,
    () => ({ id: '42', signedInAt: 'today' }),
    () => '',
  ]
  for (const answer of answers) {
    instead = answer
    const refused = await browser.get('/auth/tokens')
    t.equal(refused.statusCode, 503)
    t.ok(refused.headers['retry-after'])
    t.equal((await shopper('42').get('/auth/tokens')).statusCode, 503)
    t.equal((await shopper('42').get('/auth/login')).statusCode, 200, 'others can sign in')
  }
  instead = undefined
  t.equal(await who(browser), 'Ada')
})

t.test('sensitive changes ask for the password unless the sign-in there is fresh', async t => {
  const app = { name: 'Kiosk', redirect_uris: 'https://kiosk.example/callback' }
  const create = async (browser: Browser) => browser.submit(await browser.get('/auth/apps/own/new'), app, /own$/)
  const stale = shopper('42')
  const asked = await create(stale)
  t.equal(asked.statusCode, 403)
  t.match(asked.body, 'own_password')
  t.match(await stale.submit(asked, { own_password: 'wrong' }, /own$/), { statusCode: 400 })
  t.match(await stale.submit(asked, { own_password: PASSWORD }, /own$/), { statusCode: 200 })
  instead = () => ({ id: '43', signedInAt: new Date() })
  t.not((await create(shopper('43'))).statusCode, 403)
  instead = undefined
})

t.test('prompt=login is not satisfied by an old session at the application', async t => {
  const client = await postern.clients.create({
    name: 'App',
    redirectUris: ['https://app.example/cb'],
    grantTypes: ['authorization_code'],
    public: true,
  })
  const url = `/auth/oauth/authorize?response_type=code&client_id=${client.client.id}&redirect_uri=${encodeURIComponent('https://app.example/cb')}&code_challenge=${'a'.repeat(43)}&code_challenge_method=S256&prompt=login`
  const browser = shopper('42')
  const first = await browser.get(url)
  t.equal(locationOf(first).pathname, '/auth/login')
  const next = locationOf(first).searchParams.get('next') as string
  t.equal(locationOf(await browser.get(next)).pathname, '/auth/login', 'still')
  const login = await browser.get(`${first.headers.location}`)
  await browser.submit(login, { email: 'ada@shop.example', password: PASSWORD }, /login$/)
  t.equal((await browser.get(next)).statusCode, 200)
})
