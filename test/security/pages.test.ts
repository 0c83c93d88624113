import Fastify, { type LightMyRequestResponse, type RouteOptions } from 'fastify'
import t, { type Test } from 'tap'
import { serverPlugin } from '../../src/app.ts'
import { newUser, testServices } from '../helpers/app.ts'
import { Browser, formOf, locationOf } from '../helpers/browser.ts'

/** What holds for every page and every form alike. The router says which there are, so that a new one is among them. */

// With pages that need mail. Nothing is sent: the services do not listen.
const services = await testServices(t, { smtpUrl: 'smtp://127.0.0.1:1', mailFrom: 'Postern <no-reply@example.com>' })
const app = Fastify({ bodyLimit: 65_536 })
const seen: RouteOptions[] = []
app.addHook('onRoute', route => void seen.push(route))
await app.register(serverPlugin(services))
await app.ready()
t.teardown(() => app.close())

const NOBODY = '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a11'
const { paths } = (await app.inject('/docs/json')).json<{ paths: Record<string, object> }>()
const isHidden = ({ schema }: RouteOptions) => (schema as { hide?: boolean } | undefined)?.hide === true
const pages = seen
  .filter(route => isHidden(route) && !/^\/docs|\*$|^\/(assets|logos)\//.test(route.url) && !(route.url in paths))
  .flatMap(({ url, method }) => [method].flat().map(method => ({ method, url: url.replaceAll(/:\w+/g, NOBODY) })))
const read = pages.filter(({ method }) => method === 'GET').map(({ url }) => url)
const forms = pages.filter(({ method }) => method === 'POST').map(({ url }) => url)

const [person, admin] = [await newUser(services), await newUser(services, 'admin')]
const signedIn = async (user = person) => {
  const browser = new Browser(app)
  await browser.signIn(user)
  return browser
}
const tokenOf = async (browser: Browser) => formOf((await browser.get('/device')).body, /device$/).fields._csrf
const lastEntry = async () => (await services.auditLog.list({}, { limit: 1 }))[0]?.id

/** Open to whoever is not signed in. */
const STEPS = ['/login/application', '/login/passkey', '/login/second-step']
const OPEN = ['/', '/login', ...STEPS, '/logout', '/forgot-password', '/reset-password', '/language', '/dev/components']
/** Lead on whoever is signed in already, or signed out in another tab. */
const LEAD_ON = ['/login', ...STEPS, '/logout']

function isPage(t: Test, answer: LightMyRequestResponse, name: string): void {
  const { headers, body } = answer
  t.match(headers, { 'cache-control': 'no-store', 'referrer-policy': 'no-referrer', 'x-frame-options': 'DENY' }, name)
  t.match(headers, { 'x-content-type-options': 'nosniff' }, name)
  t.match(headers['content-security-policy'], /default-src 'none'.*frame-ancestors 'none'; base-uri 'none'/, name)
  t.notMatch(headers['content-security-policy'], /unsafe|https?:|\*/, name)
  t.notOk(headers['access-control-allow-origin'] ?? headers['access-control-allow-credentials'], name)
  t.notMatch(body, /\bat .*\.[tj]s:\d|node_modules|\b(select|insert into|update) .* (from|values|set) /, name)
}

t.test('the router has pages and forms', async t => {
  t.ok(read.length > 25 && forms.length > 30, `${read.length} pages, ${forms.length} forms`)
})

t.test('without a session every page leads to sign-in, and changes nothing', async t => {
  const before = await lastEntry()
  for (const url of read.filter(url => !OPEN.includes(url))) {
    const answer = await new Browser(app).get(url)
    t.equal(answer.statusCode, 303, url)
    t.equal(locationOf(answer).pathname, '/login', url)
    t.equal(locationOf(answer).searchParams.get('next'), url)
    isPage(t, answer, url)
  }
  for (const url of forms.filter(url => !OPEN.includes(url))) {
    const browser = new Browser(app)
    const { _csrf } = formOf((await browser.get('/login')).body, /login$/).fields
    for (const token of [undefined, 'x', _csrf]) {
      const answer = await browser.post(url, { _csrf: token, decision: 'approve' })
      t.match(answer.statusCode, /^40[13]$/, url)
      t.notOk(answer.headers.location, url)
      isPage(t, answer, url)
    }
  }
  t.equal(await lastEntry(), before)
})

t.test('every form requires the CSRF token of its session', async t => {
  const [browser, other] = [await signedIn(admin), await signedIn(admin)]
  const before = await lastEntry()
  const theirs = await tokenOf(other)
  const early = formOf((await new Browser(app).get('/login')).body, /login$/).fields._csrf
  for (const url of forms) {
    for (const _csrf of [undefined, '', 'x', theirs, early]) {
      const answer = await browser.post(url, { _csrf, decision: 'approve' })
      t.ok(answer.statusCode === 403 || LEAD_ON.includes(url), `${url} with ${_csrf}: ${answer.statusCode}`)
    }
    const inQuery = await browser.post(`${url}?_csrf=${encodeURIComponent(String(await tokenOf(browser)))}`, {})
    t.ok(inQuery.statusCode === 403 || LEAD_ON.includes(url), `${url} with the token in the query`)
  }
  t.equal(await lastEntry(), before)
  t.equal((await browser.get('/manage')).statusCode, 200, 'and is still signed in')
})

t.test('administration pages require an administrator', async t => {
  const browser = await signedIn()
  const _csrf = await tokenOf(browser)
  const before = await lastEntry()
  const manage = (url: string) => /^\/manage(\/|$)/.test(url)
  t.ok(read.filter(manage).length > 10 && forms.filter(manage).length > 10)
  for (const url of read.filter(manage)) {
    const answer = await browser.get(url)
    t.equal(answer.statusCode, 403, url)
    isPage(t, answer, url)
  }
  for (const url of forms.filter(manage)) {
    const answer = await browser.post(url, { _csrf, email: 'x@example.com', name: 'x', role: 'admin' })
    t.equal(answer.statusCode, 403, url)
    isPage(t, answer, url)
  }
  t.equal(await lastEntry(), before)
})

t.test('with any input a form responds with a page without internal details', async t => {
  const browser = await signedIn(admin)
  const cookies = Object.fromEntries(browser.cookies)
  const _csrf = encodeURIComponent(String(await tokenOf(browser)))
  const FORM = 'application/x-www-form-urlencoded'
  const bodies: [string, string, number | RegExp][] = [
    [FORM, `_csrf=${_csrf}&name=a&name=b`, 400],
    [FORM, `_csrf=${_csrf}&_csrf=${_csrf}`, 400],
    [FORM, `_csrf=${_csrf}&name=%00`, 400],
    [FORM, `_csrf=${_csrf}&na%00me=x`, 400],
    [FORM, `_csrf=${_csrf}&name=%ff`, 400],
    [FORM, `_csrf=${_csrf}&name=%ed%a0%80`, 400],
    [FORM, `_csrf=${_csrf}&name=%zz`, 400],
    [FORM, `_csrf=${_csrf}&name=${'x'.repeat(1_000_000)}`, 413],
    ['application/json', '{"name":"x"}', 415],
    ['multipart/form-data; boundary=x', '--x--', 415],
    ['text/plain', `_csrf=${_csrf}`, 415],
    // Ends neither this session nor the account.
    [FORM, `_csrf=${_csrf}&__proto__=x&constructor=y&id=x&user_id=${person.id}&revoked=1&role=admin`, /^[234]/],
  ]
  for (const url of forms.filter(url => !/^\/logout|\/end$/.test(url))) {
    for (const [type, payload, status] of bodies) {
      const name = `${url} ${type} ${payload.slice(_csrf.length).slice(0, 40)}`
      const answer = await app.inject({ method: 'POST', url, cookies, headers: { 'content-type': type }, payload })
      t.match(String(answer.statusCode), status instanceof RegExp ? status : new RegExp(`^${status}$`), name)
      t.notMatch(answer.headers.location, /^(https?:|\/\/)/, name)
      isPage(t, answer, name)
    }
  }
})

t.test('other headers of a browser change nothing, and are not reflected', async t => {
  const browser = await signedIn(admin)
  const evil = { host: 'evil.example', 'x-forwarded-host': 'evil.example', forwarded: 'host=evil.example;proto=https' }
  const odd = ['%', '%ff', '%00', '', '"', '=;', 'x'.repeat(4_000), '__proto__', "' or 1=1 --", '\u00ff\u0080']
  for (const url of read) {
    const answer = await browser.get(url, { ...evil, referer: 'https://evil.example/', origin: 'https://evil.example' })
    t.ok(answer.statusCode < 500, `${url} ${answer.statusCode}`)
    t.notMatch(JSON.stringify([answer.headers, answer.body]), 'evil.example', url)
    for (const value of odd) {
      const headers = {
        cookie: `${browser.sessionCookie}=${value}; ${browser.sessionCookie}-device=${value}; x=${value}`,
      }
      const stranger = await app.inject({ url, headers })
      t.ok(stranger.statusCode < 500, `${url} ${value.slice(0, 9)}: ${stranger.statusCode}`)
      t.ok(OPEN.includes(url) || stranger.statusCode === 303, `${url} is closed to them`)
    }
  }
})
