import t from 'tap'
import { createApp } from '../../src/app.ts'
import { EXPLORER_ID } from '../../src/clients/explorer.ts'
import { actingAs, CATALOGUE, ISSUER, newUser, testApp, testServices } from '../helpers/app.ts'
import { authorizeUrl, Browser, pkce } from '../helpers/browser.ts'
import { form } from '../helpers/oauth.ts'

const REDIRECT = `${ISSUER}/docs/static/oauth2-redirect.html`
const explorer = { id: EXPLORER_ID, redirectUris: [REDIRECT] }

const { app, services } = await testApp(t)
const host = new URL(ISSUER).host
await app.ready()

/** Signs in and lets the explorer in, as its button Authorize does. @returns the answer of the token endpoint */
async function authorize(user: Awaited<ReturnType<typeof newUser>>, scope: string) {
  const browser = new Browser(app)
  await browser.signIn(user)
  const { verifier, challenge } = pkce()
  const back = await browser.approve(authorizeUrl(explorer, { scope, challenge }))
  t.equal(back.origin + back.pathname, REDIRECT)
  return form(app, '/oauth/token', {
    grant_type: 'authorization_code',
    code: back.searchParams.get('code') ?? '',
    client_id: EXPLORER_ID,
    redirect_uri: REDIRECT,
    code_verifier: verifier,
  })
}

t.test('a signed-in user authorizes the explorer, and calls a route', async t => {
  const user = await newUser(services)
  const answer = await authorize(user, 'tokens:read orders:read')
  t.equal(answer.statusCode, 200)
  t.notOk(answer.json().refresh_token)
  const headers = { authorization: `Bearer ${answer.json().access_token}` }
  t.equal((await app.inject({ url: '/api/tokens', headers })).statusCode, 200)
  t.equal((await app.inject({ url: '/admin/users', headers })).statusCode, 403)
})

t.test('only administrators can grant it administrative scopes', async t => {
  const admin = await newUser(services, 'admin')
  const { access_token } = (await authorize(admin, 'admin:read')).json()
  const headers = { authorization: `Bearer ${access_token}` }
  t.equal((await app.inject({ url: '/admin/users', headers })).statusCode, 200)
  const browser = new Browser(app)
  await browser.signIn(await newUser(services))
  const refused = await browser.get(authorizeUrl(explorer, { scope: 'admin:read' }))
  t.match(refused.headers.location, /error=invalid_scope/)
})

t.test('selecting all scopes grants those that the user can have', async t => {
  const document = (await app.inject({ url: '/docs/json', headers: { host } })).json()
  const all = Object.keys(document.components.securitySchemes.oauth2.flows.authorizationCode.scopes)
  t.ok(all.includes('admin:write'))
  const { scope } = (await authorize(await newUser(services), all.join(' '))).json()
  t.strictSame(
    scope.split(' '),
    all.filter(id => !id.startsWith('admin:')),
  )
  const everything = (await authorize(await newUser(services, 'admin'), all.join(' '))).json()
  t.strictSame(everything.scope.split(' '), all)
})

t.test('a wrong secret opens no browser dialog in the explorer', async t => {
  const wrong = Buffer.from('nobody:wrong').toString('base64')
  const ask = (url: string, more = {}) =>
    form(app, url, { grant_type: 'client_credentials', token: 'x' }, { authorization: `Basic ${wrong}`, ...more })
  for (const url of ['/oauth/introspect', '/oauth/revoke', '/oauth/token', '/oauth/par']) {
    const script = await ask(url, {
      'sec-fetch-site': 'same-origin',
      'sec-fetch-dest': 'empty',
      'sec-fetch-mode': 'cors',
    })
    t.match(script, { statusCode: 401 }, url)
    t.match(script.json(), { error: 'invalid_client' })
    t.notOk(script.headers['www-authenticate'], url)
    t.match((await ask(url)).headers['www-authenticate'], /^Basic /, 'RFC 6749 §5.2')
    t.match((await ask(url, { 'sec-fetch-site': 'cross-site' })).headers['www-authenticate'], /^Basic /)
  }
})

t.test('the response goes only to the explorer', async t => {
  const browser = new Browser(app)
  for (const uri of [`${REDIRECT}/x`, 'https://evil.example/docs/static/oauth2-redirect.html', `${ISSUER}/docs`]) {
    t.equal((await browser.get(authorizeUrl({ ...explorer, redirectUris: [uri] }))).statusCode, 400, uri)
  }
  const page = await app.inject('/docs/static/oauth2-redirect.html')
  t.equal(page.statusCode, 200)
  t.notMatch(page.body, /<script>|on\w+=/, 'runs no script that its policy forbids')
})

t.test('the page contains its client id and the navigation of the other pages', async t => {
  const { body } = await app.inject('/docs')
  t.match(body, 'theme/frame.css')
  const frame = await app.inject('/docs/static/theme/frame.js')
  t.match(frame.headers['content-type'], 'javascript')
  t.match(frame.body, '"href":"/tokens"')
  const start = await app.inject('/docs/static/swagger-initializer.js')
  t.match(start.body, EXPLORER_ID)
  t.match(start.body, /usePkceWithAuthorizationCodeGrant"?: ?true/)
})

t.test('the document lists every scope with its description, where signing in leads back', async t => {
  const document = async (name: string) => (await app.inject({ url: '/docs/json', headers: { host: name } })).json()
  const { components, paths } = await document(host)
  const { authorizationUrl, tokenUrl, scopes } = components.securitySchemes.oauth2.flows.authorizationCode
  t.strictSame([authorizationUrl, tokenUrl], [`${ISSUER}/oauth/authorize`, `${ISSUER}/oauth/token`])
  t.match(scopes, { 'orders:read': 'Read orders', 'admin:write': /./ })
  t.equal(Object.keys(scopes).length, services.catalogue.scopes.length)
  t.strictSame(paths['/admin/users'].get.security, [{ bearer: ['admin:read'] }, { oauth2: ['admin:read'] }])
  t.notMatch(paths['/oauth/introspect'].post.security, [{ oauth2: [] }])
  const elsewhere = await document('127.0.0.1:4000')
  t.notOk(elsewhere.components.securitySchemes.oauth2, 'elsewhere a token is pasted')
  t.strictSame(elsewhere.paths['/admin/users'].get.security, [{ bearer: ['admin:read'] }])
})

t.test('there is one client, which follows the deployment until an operator revokes it', async t => {
  const services = await testServices(t)
  const start = (issuer = ISSUER) =>
    createApp({ ...services, config: { ...services.config, issuer } }).then(app => app.ready())
  await Promise.all([start(), start()])
  t.equal((await services.clients.list()).filter(({ id }) => id === EXPLORER_ID).length, 1)
  t.match(await services.clients.find(EXPLORER_ID), { redirectUris: [REDIRECT], authMethod: 'none', user: null })
  await start('https://id.example/auth')
  const moved = ['https://id.example/auth/docs/static/oauth2-redirect.html']
  t.strictSame((await services.clients.find(EXPLORER_ID)).redirectUris, moved)
  await services.clients.revoke(EXPLORER_ID)
  await start()
  t.match(await services.clients.find(EXPLORER_ID), { revoked: true, redirectUris: moved })
  const events = await services.auditLog.list({ clientId: EXPLORER_ID }, { limit: 10 })
  t.strictSame(
    events.map(({ kind }) => kind),
    ['client.revoked', 'client.changed', 'client.created'],
  )
})

t.test('a new scope of the catalogue can be requested', async t => {
  const more = [...CATALOGUE.scopes, { id: 'parcels', description: 'Track parcels' }]
  const { app, services } = await testApp(t, { catalogue: { scopes: more } })
  await app.ready()
  t.ok((await services.clients.find(EXPLORER_ID)).scopes?.includes('parcels'))
  const { headers } = await actingAs(services, ['admin:read'], { role: 'admin' })
  t.match((await app.inject({ url: `/admin/clients/${EXPLORER_ID}`, headers })).json(), {
    data: { name: 'API explorer' },
  })
})

t.test('only administrators are offered administrative scopes', async t => {
  const offered = async (role: 'user' | 'admin') => {
    const browser = new Browser(app)
    await browser.signIn(await newUser(services, role))
    const document = (await browser.get('/docs/json')).json()
    return Object.keys(document.components.securitySchemes.oauth2?.flows.authorizationCode.scopes ?? {})
  }
  t.notOk((await offered('user')).some(id => id.startsWith('admin:')))
})

t.test('the page fits a phone, and says what to do without JavaScript', async t => {
  const page = await app.inject('/docs')
  t.match(page.body, '<meta name="viewport" content="width=device-width, initial-scale=1">')
  const [, note = ''] = /<noscript>(.*?)<\/noscript>/.exec(page.body) ?? []
  const link = /href="([^"]+)"/.exec(note)?.[1] as string
  t.equal((await app.inject(new URL(link, `${ISSUER}/docs`).pathname)).statusCode, 200)
})

t.test('the first request works: scopes are chosen, and no wrong password is filled in', async t => {
  const { body } = await app.inject('/docs/static/swagger-initializer.js')
  t.match(body, /"scopes":\["user:read","tokens:read","tokens:write"\]/)
  const document = (await app.inject({ url: '/docs/json', headers: { host } })).json()
  const { example } = document.paths['/api/tokens'].post.requestBody.content['application/json']
  t.notOk('password' in example || 'email' in example)
  const user = await newUser(services)
  const { access_token } = (await authorize(user, 'user:read tokens:read tokens:write')).json()
  const headers = { authorization: `Bearer ${access_token}` }
  const issued = await app.inject({ method: 'POST', url: '/api/tokens', headers, payload: example })
  t.equal(issued.statusCode, 201, issued.body)
})
