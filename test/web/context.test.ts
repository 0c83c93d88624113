import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import t from 'tap'
import { newUser, testApp } from '../helpers/app.ts'
import { authorizeUrl, Browser } from '../helpers/browser.ts'

const { app, services } = await testApp(t)

t.test('no page is cached or framed, or loads anything from other origins', async t => {
  const browser = new Browser(app)
  const { client } = await services.clients.create({ name: 'Calendar', redirectUris: ['https://app.example/cb'] })
  const signIn = await browser.get('/login')
  await browser.signIn(await newUser(services, 'admin', 'pages@example.com'))
  const user = await services.users.findByEmail('pages@example.com')
  const { id } = (await services.tokens.issuePersonal({ user: user!, name: 'one' })).token
  const form = await browser.get('/tokens/new')
  const pages = [
    signIn,
    form,
    await browser.submit(form, { name: 'two', expires_in: '7d' }, /tokens$/),
    await browser.get('/tokens'),
    await browser.get('/tokens?q=none'),
    await browser.get(`/tokens/${id}`),
    await browser.get(`/tokens/${id}/revoke`),
    await browser.get('/tokens/nonsense'),
    await browser.get('/account'),
    await browser.post('/account', {}),
    await browser.get('/login'),
    await browser.get(authorizeUrl(client)),
    await browser.get('/device'),
    await browser.get('/oauth/authorize'),
    await browser.post('/login', {}),
    await browser.get(authorizeUrl(client, { scope: 'nope' })),
  ]
  for (const { headers, body } of pages) {
    const policy = String(headers['content-security-policy'])
    for (const part of [
      "default-src 'none'",
      "style-src 'self'",
      "script-src 'self'",
      "frame-ancestors 'none'",
      "base-uri 'none'",
    ]) {
      t.match(policy, part)
    }
    t.notMatch(policy, 'unsafe')
    t.notOk(headers['access-control-allow-origin'] ?? headers['access-control-allow-credentials'])
    t.match(headers, {
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    })
    t.notMatch(
      body,
      /<script(?! src="\/assets\/postern\.js\?v=[0-9a-f]{12}" defer><\/script>)|<style|javascript:| on\w+=| style=/,
    )
    for (const [, url = ''] of body.matchAll(/(?:href|src|action)="([^"]*)"/g)) t.match(url, /^(\/(?!\/)|#)/, url)
  }
})

t.test('no page is compressed, because it contains secrets and reflected input', async t => {
  const browser = new Browser(app)
  await browser.signIn(await newUser(services))
  for (const url of ['/login', '/tokens', '/tokens?q=guess', '/account', '/nothing']) {
    const { headers } = await browser.get(url, { accept: 'text/html', 'accept-encoding': 'gzip, deflate, br' })
    t.match(headers['content-type'], 'text/html', url)
    t.notOk(headers['content-encoding'], url)
  }
})

t.test('assets are cacheable, and a new version has a new URL', async t => {
  const { body } = await app.inject('/login')
  for (const [found, type] of [
    [/<link rel="stylesheet" href="([^"]+)">/, /^text\/css/],
    [/<script src="([^"]+)" defer>/, /^text\/javascript/],
    [/<link rel="icon" href="([^"]+)">/, /^image\/svg\+xml/],
  ] as const) {
    const url = found.exec(body)?.[1] as string
    const sent = await app.inject(url)
    t.equal(sent.statusCode, 200)
    t.match(sent.headers, { 'content-type': type, 'cache-control': /max-age=\d+, immutable/, vary: 'accept-encoding' })
    const other = await app.inject(`${url.slice(0, -12)}0123456789ab`)
    t.match(other, { statusCode: 200, headers: { 'cache-control': 'no-cache' } }, 'what another version names so')
    t.notMatch(sent.body, /https?:\/\/(?!www\.w3\.org)|@import/, 'nothing from elsewhere')
    t.match(url, /\?v=[0-9a-f]{12}$/)
    for (const [header, encoding, unpack] of [
      ['gzip, deflate, br', 'br', brotliDecompressSync],
      ['gzip', 'gzip', gunzipSync],
      ['gzip;q=1.0, br;q=0', 'gzip', gunzipSync],
    ] as const) {
      const packed = await app.inject({ url, headers: { 'accept-encoding': header } })
      t.equal(packed.headers['content-encoding'], encoding)
      t.equal(unpack(packed.rawPayload).toString(), sent.body)
    }
  }
})

t.test('every error is a page', async t => {
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  const wrong = async (payload: string, headers: Record<string, string> = form) => {
    const answer = await app.inject({ method: 'POST', url: '/login', payload, headers })
    t.match(answer.headers['content-type'], 'text/html')
    t.match(answer.body, '<h1>')
    t.notMatch(answer.body, / at .*\.ts|select |node_modules/)
    return answer.statusCode
  }
  t.equal(await wrong('email=a&email=b'), 400)
  t.equal(await wrong('email=%00'), 400)
  t.equal(await wrong('email=%ff'), 400)
  t.equal(await wrong('{}', { 'content-type': 'application/json' }), 415)
  const json = {
    method: 'POST' as const,
    url: '/login',
    payload: '{}',
    headers: { 'content-type': 'application/json' },
  }
  t.match((await app.inject(json)).body, 'send the body as application/x-www-form-urlencoded')
  t.equal(await wrong(`email=${'x'.repeat(100_000)}`), 413)
  t.equal(await wrong('__proto__=x&constructor=y'), 403)
})

t.test('URLs of pages follow the issuer', async t => {
  const below = await testApp(t, { issuer: 'https://id.example/auth' })
  const { body } = await below.app.inject('/login')
  t.match(body, 'action="/auth/login"')
  t.match(body, 'href="/auth/assets/postern.css')
  const { client } = await below.services.clients.create({ name: 'x', redirectUris: ['https://app.example/cb'] })
  const there = await below.app.inject(authorizeUrl(client))
  t.match(there.headers.location, /^\/auth\/login\?next=%2Fauth%2Foauth%2Fauthorize%3F/)
})
