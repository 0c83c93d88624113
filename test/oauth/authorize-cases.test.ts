import t, { type Test } from 'tap'
import type { NewClient } from '../../src/clients/clients.ts'
import { newUser, testApp } from '../helpers/app.ts'
import { authorizeUrl, Browser, locationOf, pkce } from '../helpers/browser.ts'
import { basic, form } from '../helpers/oauth.ts'

/** The authorization endpoint, the same request by GET, by POST and pushed. */

const CALLBACK = 'https://app.example/cb'
const { app, services } = await testApp(t)
const user = await newUser(services)
const browser = new Browser(app)
await browser.signIn(user)
const newApp = (input: Partial<NewClient> = {}) =>
  services.clients.create({ name: 'Calendar', redirectUris: [CALLBACK], ...input })
const { client, secret } = await newApp()

type Params = NonNullable<Parameters<typeof authorizeUrl>[1]>

/** Posts a request as an app's page does. @returns where the browser is sent, or the page that it stays on */
async function post(params: Params) {
  const [url, payload = ''] = authorizeUrl(client, params).split('?') as [string, string]
  return app.inject({ method: 'POST', url, headers: { 'content-type': 'application/x-www-form-urlencoded' }, payload })
}

const STATES: Record<string, string> = {
  'every printable character': Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join(''),
  'what looks encoded': '%20%2B+%2520%00&amp;',
  'what ends a parameter': 'a&code=b&error=c#d;e?f=g',
  'blanks at both ends': '  a  ',
  'line breaks and tabs': 'a\r\nSet-Cookie: x=y\r\n\r\n\tb',
  'control characters': '\u0001\u001b[31m\u007f\u0085',
  'other scripts': 'é ß 漢字 🗝 \u202e\u2028\u200b\ufeff',
  'a replacement character': 'a\ufffdb',
  'two forms of one character': 'e\u0301 \u00e9',
  'a JWT': 'eyJhbGciOiJIUzI1NiJ9.eyJhIjoiYi0_In0.x-_',
  'base64 with its end': 'YWJj+/YQ==',
  JSON: '{"a":["b",null],"__proto__":1}',
  'a name of the prototype': '__proto__',
  markup: '"><script>alert(1)</script>',
  'a number': '0',
  'a word': 'undefined',
  'as long as it may be': 'x'.repeat(2_400),
}

t.test('state is returned unchanged, with a code and with an error, for every kind of request', async t => {
  for (const [what, state] of Object.entries(STATES)) {
    const stateOf = (location: URL) => location.searchParams.getAll('state')
    const success = await browser.approve(authorizeUrl(client, { state, prompt: 'consent' }))
    t.ok(success.searchParams.get('code'), what)
    t.strictSame(stateOf(success), [state], `${what}: with a code`)

    const failure = locationOf(await browser.get(authorizeUrl(client, { state, scope: 'nope' })))
    t.strictSame(stateOf(failure), [state], `${what}: with an error`)
    t.equal(failure.searchParams.get('iss'), services.config.issuer, what)
    t.strictSame([...failure.searchParams.keys()].sort(), ['error', 'error_description', 'iss', 'state'], what)

    t.strictSame(stateOf(locationOf(await post({ state, scope: 'nope' }))), [state], `${what}: posted, with an error`)
    const posted = await post({ state, prompt: 'consent' })
    t.strictSame(stateOf(await browser.approve(String(posted.headers.location))), [state], `${what}: posted`)

    const { challenge, ...pushed } = { ...pkce(), response_type: 'code', redirect_uri: CALLBACK, state }
    const params = { ...pushed, code_challenge: challenge, code_challenge_method: 'S256', prompt: 'consent' }
    const { request_uri } = (await form(app, '/oauth/par', params, basic(client.id, secret))).json()
    const url = `/oauth/authorize?${new URLSearchParams({ client_id: client.id, request_uri })}`
    t.strictSame(stateOf(await browser.approve(url)), [state], `${what}: pushed`)

    const denied = await browser.submit(
      await browser.get(authorizeUrl(client, { state, prompt: 'consent' })),
      { decision: 'deny' },
      /consent$/,
    )
    t.strictSame(stateOf(locationOf(denied)), [state], `${what}: denied`)
  }
})

/** What the app is told by a redirect. */
const TOLD: [error: string, params: Params][] = [
  ['invalid_request', { response_type: undefined }],
  ['invalid_request', { response_type: '' }],
  ['unsupported_response_type', { response_type: 'token' }],
  ['unsupported_response_type', { response_type: 'CODE' }],
  ['unsupported_response_type', { response_type: 'code id_token' }],
  ['unsupported_response_type', { response_type: 'code code' }],
  ['unsupported_response_type', { response_type: '<script>' }],
  ['invalid_request', { response_mode: 'form_post' }],
  ['invalid_request', { response_mode: 'fragment' }],
  ['invalid_request', { challenge: '' }],
  ['invalid_request', { code_challenge_method: '' }],
  ['invalid_request', { code_challenge_method: 'plain' }],
  ['invalid_request', { code_challenge_method: 'S512' }],
  ['invalid_request', { challenge: 'x'.repeat(42) }],
  ['invalid_request', { challenge: 'x'.repeat(44) }],
  ['invalid_request', { challenge: `${'x'.repeat(42)}+` }],
  ['invalid_request', { challenge: `${'x'.repeat(43)}\n` }],
  ['invalid_request', { challenge: 'é'.repeat(43) }],
  ['invalid_scope', { scope: 'nope' }],
  ['invalid_scope', { scope: 'orders:read\u00a0reports' }],
  ['invalid_scope', { scope: 'orders:read\treports' }],
  ['invalid_scope', { scope: '*' }],
  ['invalid_scope', { scope: '__proto__' }],
  ['invalid_target', { resource: 'https://nobody.example' }],
  ['invalid_target', { resource: 'a b' }],
  ['invalid_target', { resource: 'http://localhost:3000 http://localhost:3000' }],
  ['invalid_target', { resource: ['http://localhost:3000', 'a\tb'] }],
  ['invalid_target', { resource: 'nothing' }],
  ['invalid_target', { resource: 'http://localhost:3000#x' }],
  ['request_not_supported', { request: 'e30.e30.' }],
  ['invalid_request', { prompt: 'perhaps' }],
  ['invalid_request', { prompt: 'none consent' }],
  ...['response_type', 'response_mode', 'scope', 'state', 'prompt', 'code_challenge', 'code_challenge_method'].map(
    (name): [string, Params] => ['invalid_request', { [name]: ['a', 'a'] }],
  ),
  ...['request', 'request_uri'].map((name): [string, Params] => ['invalid_request', { [name]: ['a', 'b'] }]),
]

t.test('errors that are sent to the app, by GET and by POST, signed in or not', async t => {
  for (const [error, params] of TOLD) {
    const name = JSON.stringify(params)
    const sent = { state: 's', ...params }
    const answers = [
      await browser.get(authorizeUrl(client, sent)),
      await new Browser(app).get(authorizeUrl(client, sent)),
      await post(sent),
    ]
    for (const answer of answers) {
      t.equal(answer.statusCode, 303, name)
      t.equal(answer.headers['cache-control'], 'no-store', name)
      t.equal(answer.headers['referrer-policy'], 'no-referrer', name)
      const location = locationOf(answer)
      t.equal(location.origin + location.pathname, CALLBACK, name)
      t.equal(location.searchParams.get('error'), error, name)
      t.equal(location.searchParams.get('iss'), services.config.issuer, name)
      t.equal(location.searchParams.get('state'), Array.isArray(sent.state) ? null : 's', name)
      t.match(location.searchParams.get('error_description'), /^[\x20-\x21\x23-\x5b\x5d-\x7e]{1,200}$/, name)
      t.notOk(location.searchParams.has('code'), name)
    }
  }
})

/** What a person is told, since the app cannot be trusted yet. */
const SHOWN: Params[] = [
  { client_id: undefined },
  { client_id: '' },
  { client_id: 'x' },
  { client_id: "' or 1=1 --" },
  { client_id: ['x', 'x'] },
  { redirect_uri: undefined },
  { redirect_uri: '' },
  { redirect_uri: [CALLBACK, CALLBACK] },
  { redirect_uri: ` ${CALLBACK}` },
  { redirect_uri: `${CALLBACK} ` },
  { redirect_uri: `${CALLBACK}\n` },
  { redirect_uri: `${CALLBACK}\\` },
  { redirect_uri: `${CALLBACK};x` },
  { redirect_uri: `${CALLBACK}%2f` },
  { redirect_uri: 'https://app.example/c%62' },
  { redirect_uri: 'https://app.example./cb' },
  { redirect_uri: 'https://app.example/./cb' },
  { redirect_uri: 'https://app.example//cb' },
  { redirect_uri: 'https://ａpp.example/cb' },
  { redirect_uri: `${CALLBACK}#` },
  { redirect_uri: `${CALLBACK}?` },
  { redirect_uri: '/cb' },
  { request_uri: 'urn:x', response_type: 'code' },
  { request_uri: 'https://app.example/request.jwt' },
  { state: 'x'.repeat(2_600) },
]

t.test('errors that are shown on a page without a redirect, by GET and by POST', async t => {
  const isPage = (t: Test, answer: Awaited<ReturnType<typeof post>>, name: string) => {
    t.equal(answer.statusCode, 400, name)
    t.notOk(answer.headers.location, name)
    t.match(answer.headers, { 'content-type': /^text\/html/, 'cache-control': 'no-store' }, name)
    t.match(answer.headers['content-security-policy'], "frame-ancestors 'none'", name)
  }
  for (const params of SHOWN) {
    const name = JSON.stringify(params).slice(0, 80)
    // An error that the app would be told, if it could be.
    const sent = { scope: 'nope', ...params }
    isPage(t, await browser.get(authorizeUrl(client, sent)), name)
    isPage(t, await new Browser(app).get(authorizeUrl(client, sent)), name)
    isPage(t, await post(sent), `${name}, posted`)
  }
  for (const text of ['%00', '%ff', '%c3%28', '%ed%a0%80', '%']) {
    for (const name of ['state', 'scope', 'x']) {
      isPage(t, await browser.get(`${authorizeUrl(client)}&${name}=${text}`), `${name} ${text}`)
    }
  }
})
