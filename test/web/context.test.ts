import t from 'tap'
import { newUser, testApp } from '../helpers/app.ts'
import { authorizeUrl, Browser } from '../helpers/browser.ts'

const { app, house } = await testApp(t)

t.test('every page is stored nowhere, framed nowhere, and fetches nothing from elsewhere', async t => {
  const browser = new Browser(app)
  const { client } = await house.clients.create({ name: 'Calendar', redirectUris: ['https://app.example/cb'] })
  const signIn = await browser.get('/login')
  await browser.signIn(await newUser(house))
  const pages = [
    signIn,
    await browser.get('/login'),
    await browser.get(authorizeUrl(client)),
    await browser.get('/device'),
    await browser.get('/oauth/authorize'),
    await browser.post('/login', {}),
    await browser.get(authorizeUrl(client, { scope: 'nope' })),
  ]
  for (const { headers, body } of pages) {
    const policy = String(headers['content-security-policy'])
    for (const part of ["default-src 'none'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"]) {
      t.match(policy, part)
    }
    t.notMatch(policy, 'unsafe')
    t.match(headers, {
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    })
    t.notMatch(body, /<script|javascript:| on\w+=| style=/)
    for (const [, url = ''] of body.matchAll(/(?:href|src|action)="([^"]*)"/g)) t.match(url, /^(\/(?!\/)|#)/, url)
  }
})

t.test('the stylesheet may be kept, and a new one has a new name', async t => {
  const { body } = await app.inject('/login')
  const url = /<link rel="stylesheet" href="([^"]+)">/.exec(body)?.[1] as string
  const sheet = await app.inject(url)
  t.equal(sheet.statusCode, 200)
  t.match(sheet.headers, { 'content-type': /^text\/css/, 'cache-control': /max-age=\d+, immutable/ })
  t.match(url, /\?v=[0-9a-f]{12}$/)
})

t.test('whatever goes wrong is a page', async t => {
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
  t.equal(await wrong(`email=${'x'.repeat(100_000)}`), 413)
  t.equal(await wrong('__proto__=x&constructor=y'), 403)
})

t.test('pages follow the issuer to where the outside sees them', async t => {
  const below = await testApp(t, { issuer: 'https://id.example/auth' })
  const { body } = await below.app.inject('/login')
  t.match(body, 'action="/auth/login"')
  t.match(body, 'href="/auth/assets/postern.css')
  const { client } = await below.house.clients.create({ name: 'x', redirectUris: ['https://app.example/cb'] })
  const there = await below.app.inject(authorizeUrl(client))
  t.match(there.headers.location, /^\/auth\/login\?next=%2Fauth%2Foauth%2Fauthorize%3F/)
})
