import t, { type Test } from 'tap'
import { newUser, PASSWORD, testApp } from '../helpers/app.ts'
import { authorizeUrl, Browser, formOf, locationOf } from '../helpers/browser.ts'
import { expire } from '../helpers/expiry.ts'
import { listeningIssuer } from '../helpers/issuer.ts'
import { NO_NGINX, openNginx } from '../helpers/nginx.ts'
import { basic, form } from '../helpers/oauth.ts'

const CALLBACK = 'https://app.example/cb'
const { app, services } = await testApp(t)
const user = await newUser(services)
const typed = { email: user.email, password: PASSWORD }
const { client, secret } = await services.clients.create({ name: 'Calendar', redirectUris: [CALLBACK] })

const json = (length: number) => JSON.stringify({ to: '/a?b="c"&d', fill: 'x'.repeat(length) }).slice(0, length)
/** Paths of this length or less fit into any header. */
const SHORT = 300
const states = { short: 's', json: json(800), umlauts: 'ä'.repeat(380), longest: 'x'.repeat(2_400) }

const nextOf = (location: URL) => location.searchParams.get('next') ?? ''

t.test('a request is stored on the server while the user signs in, and the URL contains a reference', async t => {
  for (const [name, state] of Object.entries(states)) {
    const browser = new Browser(app)
    const there = locationOf(await browser.get(authorizeUrl(client, { state, prompt: 'login consent' })))
    t.ok(there.href.length < SHORT, `${name}: ${there.href}`)
    const next = new URL(nextOf(there), 'http://here')
    t.equal(next.pathname, '/oauth/authorize')
    t.strictSame([...next.searchParams.keys()], ['client_id', 'request_uri'])
    const signIn = await browser.get(there.pathname + there.search)
    t.match(signIn.body, 'Calendar', 'the page still names the app')
    const back = await browser.submit(signIn, typed, /login$/)
    t.equal(back.headers.location, next.pathname + next.search)
    const consent = await browser.get(next.pathname + next.search)
    t.match(consent.body, /<a href="\/login\?next=[^"]{1,300}">Use another account/)
    const answer = locationOf(await browser.submit(consent, { decision: 'approve' }, /consent$/))
    t.equal(answer.searchParams.get('state'), state)
    t.ok(answer.searchParams.has('code'))
  }
})

t.test('so it is while another user signs in, and when the request was posted', async t => {
  const state = states.json
  const browser = new Browser(app)
  await browser.signIn(user)
  const page = await browser.get(authorizeUrl(client, { state, prompt: 'consent' }))
  const [, href = ''] = /<a href="(\/login\?next=[^"]*)">Use another account/.exec(page.body) ?? []
  t.ok(href.length > 0 && href.length < SHORT, href)
  const other = await newUser(services)
  const back = await browser.submit(await browser.get(href), { ...typed, email: other.email }, /login$/)
  const consent = await browser.get(String(back.headers.location))
  t.match(consent.body, other.email)
  t.equal(locationOf(await browser.submit(consent, { decision: 'deny' }, /consent$/)).searchParams.get('state'), state)

  const [path, query] = authorizeUrl(client, { state, prompt: 'login' }).split('?') as [string, string]
  const posted = await new Browser(app).post(path, Object.fromEntries(new URLSearchParams(query)))
  t.equal(posted.statusCode, 303)
  t.ok(String(posted.headers.location).length < SHORT)
  const signIn = await browser.get(String(posted.headers.location))
  t.equal(locationOf(signIn).pathname, '/login', 'the prompt still counts')
  t.equal(nextOf(locationOf(signIn)), posted.headers.location, 'and the request is stored once')
  const refused = await new Browser(app).post(path, { client_id: client.id, redirect_uri: CALLBACK, state })
  t.match(locationOf(refused).searchParams.get('error'), 'invalid_request', 'what does not hold is refused at once')
})

t.test('Back and Reload work, also after a decision', async t => {
  const browser = new Browser(app)
  const there = locationOf(await browser.get(authorizeUrl(client, { state: 's', prompt: 'consent' })))
  await browser.submit(await browser.get(there.pathname + there.search), typed, /login$/)
  const next = nextOf(there)
  const page = await browser.get(next)
  for (const again of [page, page, await browser.get(next)]) {
    const answer = locationOf(await browser.submit(again, { decision: 'approve' }, /consent$/))
    t.ok(answer.searchParams.has('code'))
    t.equal(answer.searchParams.get('state'), 's')
  }
  await browser.submit(await browser.get(next), { decision: 'deny' }, /consent$/)
  t.equal((await browser.get(next)).statusCode, 200)
})

t.test('an expired request gets an error', async t => {
  const slow = (await services.clients.create({ name: 'Slow', redirectUris: [CALLBACK] })).client
  const browser = new Browser(app)
  const there = locationOf(await browser.get(authorizeUrl(slow)))
  const signIn = await browser.get(there.pathname + there.search)
  await expire(services.db, 'oauth_pushed_requests', 'client_id = ?', [slow.id])
  const back = await browser.submit(signIn, typed, /login$/)
  const gone = await browser.get(String(back.headers.location))
  t.equal(gone.statusCode, 400)
  t.match(gone.body, /expired.*Go back to the app and start again/)
})

t.test('a consent page that is shown late leaves the whole time for a decision', async t => {
  const late = (await services.clients.create({ name: 'Late', redirectUris: [CALLBACK] })).client
  const browser = new Browser(app)
  const there = locationOf(await browser.get(authorizeUrl(late)))
  const end = (seconds: number) =>
    services.db.query(
      'update oauth_pushed_requests set expires_at = now() + make_interval(secs => ?) where client_id = ?',
      [seconds, late.id],
    )
  await end(60)
  await browser.get(there.pathname + there.search)
  const [row] = await services.db.query<{ left: number }>(
    'select extract(epoch from expires_at - now())::int as left from oauth_pushed_requests where client_id = ?',
    [late.id],
  )
  t.ok((row?.left ?? 0) > 880, String(row?.left))
})

t.test('a pushed request can still be used for one response, also by its reference', async t => {
  const { challenge } = { challenge: 'x'.repeat(43) }
  const pushed = { redirect_uri: CALLBACK, response_type: 'code', code_challenge: challenge, prompt: 'consent' }
  const params = { ...pushed, code_challenge_method: 'S256' }
  const { request_uri } = (await form(app, '/oauth/par', params, basic(client.id, secret as string))).json()
  const url = (uri: string, more = {}) =>
    `/oauth/authorize?${new URLSearchParams({ client_id: client.id, request_uri: uri, ...more })}`
  const there = locationOf(await new Browser(app).get(url(request_uri, { state: states.json })))
  t.equal(nextOf(there), url(request_uri), 'what the browser adds is not carried on')
  const browser = new Browser(app)
  await browser.signIn(user)
  const renamed = request_uri.replace('request_uri:', 'request_uri:kept.')
  t.equal((await browser.get(url(renamed))).statusCode, 400)
  t.ok((await browser.approve(url(request_uri))).searchParams.has('code'))
  t.equal((await browser.get(url(request_uri))).statusCode, 400)
})

t.test('a request is stored for its client only', async t => {
  const other = (await services.clients.create({ name: 'Other', redirectUris: [CALLBACK] })).client
  const there = locationOf(await new Browser(app).get(authorizeUrl(client)))
  const page = await new Browser(app).get(nextOf(there).replace(client.id, other.id))
  t.equal(page.statusCode, 400)
  t.notOk(page.headers.location)
})

t.test('a state that is too long for the response is rejected with a page, and when it is pushed', async t => {
  const browser = new Browser(app)
  for (const state of ['x'.repeat(2_500), '"'.repeat(900), '\u{1f600}'.repeat(250)]) {
    for (const page of [
      await browser.get(authorizeUrl(client, { state })),
      await browser.post('/oauth/authorize', { client_id: client.id, redirect_uri: CALLBACK, state }),
    ]) {
      t.equal(page.statusCode, 400)
      t.notOk(page.headers.location)
      t.match(page.body, 'redirect_uri and state are too long')
    }
    const params = { redirect_uri: CALLBACK, response_type: 'code', state }
    const pushed = await form(app, '/oauth/par', params, basic(client.id, secret as string))
    t.equal(pushed.statusCode, 400)
    t.match(pushed.json(), { error: 'invalid_request', error_description: /too long/ })
  }
})

t.test('from one address so many requests are kept, and then it waits', async t => {
  const at = await testApp(t)
  const { client } = await at.services.clients.create({ name: 'Calendar', redirectUris: [CALLBACK] })
  const ask = (remoteAddress: string) => at.app.inject({ url: authorizeUrl(client), remoteAddress })
  const answers = await Promise.all(Array.from({ length: 300 }, () => ask('192.0.2.1')))
  t.ok(answers.every(({ statusCode }) => statusCode === 303))
  const refused = await ask('192.0.2.1')
  t.equal(refused.statusCode, 429)
  t.match(refused.headers['content-type'], 'text/html')
  t.ok(Number(refused.headers['retry-after']) > 0)
  t.equal((await ask('192.0.2.2')).statusCode, 303)
  const again = String(answers[0]?.headers.location)
  const next = nextOf(new URL(again, 'http://here'))
  const kept = await at.app.inject({ url: next, remoteAddress: '192.0.2.1' })
  t.equal(kept.headers.location, again, 'a request that is kept already goes on')
})

t.test('no page to go on to makes a header that proxies refuse', async t => {
  const browser = new Browser(app)
  const long = '%22'.repeat(2_000)
  for (const [url, next] of [
    [`/tokens?q=${long}`, '/tokens'],
    [`/device?user_code=${long}`, '/device'],
    [`/account?x=${long}`, '/account'],
  ] as const) {
    const there = locationOf(await browser.get(url))
    t.match([there.pathname, nextOf(there)], ['/login', next])
  }
  const page = await browser.get('/login')
  const after = await browser.submit(page, { ...typed, next: `/tokens?q=${long}` }, /login$/)
  t.equal(after.headers.location, '/tokens')
})

t.test('behind an nginx with the default buffers every request gets its answer', { skip: NO_NGINX }, async t => {
  const at = await listeningIssuer(t)
  const url = await openNginx(t, at.issuer)
  const person = await newUser(at.services)
  const redirectUris = [CALLBACK, `${CALLBACK}?${'y'.repeat(1_900)}`]
  const { client } = await at.services.clients.create({ name: 'Calendar', redirectUris })
  const browser = new Browser({ inject: through(url) } as never)
  const walk = async (t: Test, params: Record<string, string>) => {
    browser.cookies.clear()
    const there = locationOf(await browser.get(authorizeUrl(client, params)))
    t.equal(there.pathname, '/login')
    const signIn = await browser.get(there.pathname + there.search)
    const back = await browser.submit(signIn, { email: person.email, password: PASSWORD }, /login$/)
    const consent = await browser.get(String(back.headers.location))
    t.ok(formOf(consent.body, /consent$/))
    for (const decision of ['deny', 'approve']) {
      const answer = await browser.submit(consent, { decision }, /consent$/)
      t.equal(answer.statusCode, 303)
      t.equal(locationOf(answer).searchParams.get('state'), params.state)
    }
  }
  for (const state of Object.values(states)) await walk(t, { state, prompt: 'consent' })
  await walk(t, { state: 'x'.repeat(550), redirect_uri: redirectUris[1] as string, prompt: 'consent' })
  const scope = Array.from({ length: 200 }, (_, i) => `"unknown"${i}`).join(' ')
  const refused = await browser.get(authorizeUrl(client, { state: states.longest, scope }))
  t.match([refused.statusCode, locationOf(refused).searchParams.get('error')], [303, 'invalid_scope'])
})

/** Sends what {@link Browser} asks for to a real server. */
function through(base: string) {
  return async ({ method, url, cookies, headers, payload }: Record<string, unknown>) => {
    const cookie = Object.entries(cookies as object).map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    const init = { method, headers: { ...(headers as object), cookie: cookie.join('; ') }, redirect: 'manual' }
    const answer = await fetch(base + url, { ...init, ...(payload !== undefined && { body: payload }) } as RequestInit)
    const set = answer.headers.getSetCookie().map(line => {
      const [, name = '', value = ''] = /^([^=]*)=([^;]*)/.exec(line) ?? []
      return { name, value: decodeURIComponent(value) }
    })
    const all = Object.fromEntries(answer.headers)
    return { statusCode: answer.status, headers: all, cookies: set, body: await answer.text() }
  }
}
