import t from 'tap'
import { newUser, testApp } from '../helpers/app.ts'
import { Browser } from '../helpers/browser.ts'
import { isProblem } from '../helpers/problem.ts'

const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8'

const { app, services } = await testApp(t)
const ask = (url: string, accept?: string, method: 'GET' | 'POST' | 'PUT' | 'DELETE' = 'GET') =>
  app.inject({ method, url, headers: { ...(accept !== undefined && { accept }) } })

t.test('a browser gets a page for an unknown path', async t => {
  for (const url of [
    '/nothing',
    '/tokens/a/b/c',
    '/%6eothing?q=<b>',
    '/docs/nothing',
    '/logout',
    '/scopes/x',
    '/apis',
  ]) {
    for (const accept of [BROWSER, 'text/html']) {
      const { statusCode, headers, body } = await ask(url, accept)
      t.equal(statusCode, 404, url)
      t.match(headers, {
        'content-type': /^text\/html/,
        'cache-control': 'no-store',
        'content-security-policy': "default-src 'none'",
      })
      t.match(body, '<h1>Page not found</h1>')
      t.match(body, 'href="/login"')
      t.notMatch(body, '<b>')
    }
  }
})

t.test('a signed-in user gets a link back', async t => {
  const browser = new Browser(app)
  await browser.signIn(await newUser(services))
  const { body } = await browser.get('/nothing', { accept: BROWSER })
  t.match(body, 'Signed in as <bdi>Ada Lovelace</bdi>')
  t.match(body, 'href="/tokens"')
})

t.test('a form with an unknown target gets a page, too', async t => {
  const payload = 'a=b'
  for (const type of ['application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'text/plain']) {
    const headers = { accept: BROWSER, 'content-type': type }
    const answer = await app.inject({ method: 'POST', url: '/nothing', headers, payload })
    t.equal(answer.statusCode, 404, type)
    t.match(answer.headers['content-type'], 'text/html', type)
  }
})

t.test('other clients get a problem', async t => {
  const accepts = [undefined, '', '*/*', 'application/json', 'application/json, text/plain, */*', 'application/xml']
  const refusing = ['text/html;q=0, */*', 'application/json, text/html;q=0.5']
  for (const accept of [...accepts, ...refusing]) {
    for (const method of ['GET', 'POST', 'PUT', 'DELETE'] as const) {
      isProblem(t, await ask('/nothing', accept, method), 404, `${method} for ${accept}`)
    }
  }
  const headers = { 'content-type': 'application/json' }
  isProblem(t, await app.inject({ method: 'POST', url: '/nothing', headers, payload: '{' }), 404, 'whatever is sent')
})

t.test('API paths respond to browsers with JSON', async t => {
  for (const url of ['/api/nothing', '/api', '/oauth/nothing', '/admin/nothing', '/admin', '/%61pi/nothing']) {
    isProblem(t, await ask(url, BROWSER), 404, url)
    isProblem(t, await ask(url, BROWSER, 'POST'), 404, url)
  }
})

t.test('the page works below the path of the issuer', async t => {
  const below = await testApp(t, { issuer: 'https://id.example/auth' })
  const { body } = await below.app.inject({ url: '/nothing', headers: { accept: BROWSER } })
  t.match(body, 'href="/auth/assets/postern.css')
})
