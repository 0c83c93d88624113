import t from 'tap'
import { newUser, testApp } from '../../helpers/app.ts'
import { Browser, formOf, locationOf } from '../../helpers/browser.ts'
import { basic, form } from '../../helpers/oauth.ts'

const XSS = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
const NOBODY = '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a12'
const REDIRECT = 'https://viewer.example/cb'

const { app, services } = await testApp(t)
const user = await newUser(services)
const browser = new Browser(app)
await browser.signIn(user)
const stranger = new Browser(app)
await stranger.signIn(await newUser(services))

/** What the form of a new app sends by itself, filled in. */
const filled = {
  name: 'Viewer',
  kind: 'confidential',
  redirect_uris: REDIRECT,
  'grant:authorization_code': 'on',
  'grant:refresh_token': 'on',
  scope_choice: 'every',
}

const create = async (fields: Record<string, string | undefined> = {}) =>
  browser.submit(await browser.get('/apps/own/new'), { ...filled, ...fields }, /own$/)
const secretIn = (body: string) => /id="secret"[^>]* value="([^"]*)"/.exec(body)?.[1]
const idIn = (body: string) => /id="client-id"[^>]* value="([^"]*)"/.exec(body)?.[1] as string
const made = async (fields = {}) => {
  const { body } = await create(fields)
  return { id: idIn(body), secret: secretIn(body) as string }
}
/** Whether the secret proves the app: a wrong code is refused otherwise than a wrong secret. */
const proves = async (id: string, secret: string) =>
  (await form(app, '/oauth/token', { grant_type: 'refresh_token', refresh_token: 'x' }, basic(id, secret)))
    .statusCode === 400

t.test('an app is created, and its secret is shown once', async t => {
  const answer = await create({
    scope_choice: 'these',
    'scope:orders:read': 'on',
    redirect_uris: `${REDIRECT}\r\nhttp://127.0.0.1/cb`,
  })
  t.equal(answer.statusCode, 200)
  t.equal(answer.headers['cache-control'], 'no-store')
  const [id, secret] = [idIn(answer.body), secretIn(answer.body) as string]
  t.ok(await proves(id, secret))
  t.match(await services.clients.find(id), {
    user: user.id,
    name: 'Viewer',
    redirectUris: [REDIRECT, 'http://127.0.0.1/cb'],
    grantTypes: ['authorization_code', 'refresh_token'],
    scopes: ['orders:read'],
  })
  for (const url of ['/apps/own', `/apps/own/${id}`, `/apps/own/${id}/secret`, `/apps/own/${id}/revoke`]) {
    t.notMatch((await browser.get(url)).body, secret, url)
  }
  t.notOk(
    [...browser.cookies.values()].some(value => value.includes(secret)),
    'nor does it ride in a cookie',
  )
})

t.test('submitting the same form again creates no second app', async t => {
  const page = await browser.get('/apps/own/new')
  const id = idIn((await browser.submit(page, filled, /own$/)).body)
  const again = await browser.submit(page, filled, /own$/)
  t.equal(again.statusCode, 303)
  t.equal(locationOf(again).pathname, `/apps/own/${id}`)
  const question = await browser.get(`/apps/own/${id}/secret`)
  const secret = secretIn((await browser.submit(question, { overlap: '0' }, /secret$/)).body) as string
  t.equal((await browser.submit(question, { overlap: '0' }, /secret$/)).statusCode, 303)
  t.ok(await proves(id, secret))
})

t.test('a public app gets no secret', async t => {
  const answer = await create({ kind: 'public', redirect_uris: 'com.example.app:/cb' })
  t.equal(answer.statusCode, 303)
  const page = await browser.get(locationOf(answer).pathname)
  t.match(page.body, 'role="status"')
  t.notMatch(page.body, '/secret"')
  const rotate = await browser.get(`${locationOf(answer).pathname}/secret`)
  t.equal((await browser.submit(rotate, {}, /secret$/)).statusCode, 409)
})

t.test('errors are shown, and the entered values are kept', async t => {
  const wrong: Record<string, string | undefined>[] = [
    { name: undefined },
    { name: 'x'.repeat(256) },
    { redirect_uris: undefined },
    { redirect_uris: 'javascript:alert(1)' },
    { redirect_uris: 'https://viewer.example/cb?iss=x' },
    { redirect_uris: 'https://viewer.example/#"><script>' },
    { redirect_uris: 'http://viewer.example/' },
    { 'grant:client_credentials': 'on' },
    { 'grant:password': 'on' },
    { scope_choice: 'these', 'scope:nope': 'on' },
    { scope_choice: 'these', 'scope:admin:read': 'on' },
  ]
  const before = (await services.clients.list({ userId: user.id })).length
  for (const fields of wrong) {
    const answer = await create({ name: 'Kept <name>', ...fields })
    t.equal(answer.statusCode, 400, JSON.stringify(fields))
    t.match(answer.body, 'role="alert"')
    t.notMatch(answer.body, '<script>')
    if (!('name' in fields)) t.match(answer.body, 'value="Kept &lt;name')
  }
  const uris = (count: number) => Array.from({ length: count }, (_, i) => `x${i}`).join('\n')
  t.match((await create({ redirect_uris: uris(5_000) })).body, 'Redirect URI must have at most 50 entries.')
  const { body } = await create({ redirect_uris: uris(50) })
  t.match(body, 'Redirect URI 20 must be')
  t.notMatch(body, 'Redirect URI 21', 'the first ones are enough')
  const boxes = Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`scope:nope:${i}`, 'on']))
  const unknown = await create({ scope_choice: 'these', ...boxes })
  t.match(unknown.body, 'nope:19')
  t.notMatch(unknown.body, 'nope:20')
  t.equal((await services.clients.list({ userId: user.id })).length, before)
})

t.test('an app is changed', async t => {
  const { id, secret } = await made()
  const page = await browser.get(`/apps/own/${id}`)
  t.match(page.body, /name="scope_choice" value="every" checked/)
  const changed = {
    ...filled,
    name: 'Renamed',
    redirect_uris: 'https://other.example/cb',
    'grant:refresh_token': undefined,
  }
  t.equal((await browser.submit(page, changed, new RegExp(`${id}$`))).statusCode, 303)
  t.match(await services.clients.find(id), {
    name: 'Renamed',
    redirectUris: ['https://other.example/cb'],
    grantTypes: ['authorization_code'],
    scopes: null,
    user: user.id,
  })
  t.ok(await proves(id, secret), 'the secret stays')
  t.equal((await browser.submit(page, { ...changed, redirect_uris: 'x' }, new RegExp(`${id}$`))).statusCode, 400)
  const none = { ...changed, scope_choice: 'these' }
  await browser.submit(page, none, new RegExp(`${id}$`))
  t.strictSame((await services.clients.find(id)).scopes, [], 'none of them is none, not all')
  await browser.submit(page, { ...changed, kind: 'public' }, new RegExp(`${id}$`))
  t.notOk((await services.clients.find(id)).isConfidential())
  const back = await browser.submit(page, changed, new RegExp(`${id}$`))
  t.ok(await proves(id, secretIn(back.body) as string), 'what becomes confidential gets a secret')
  t.notOk(await proves(id, secret))
})

t.test('an app that authenticates by keys keeps doing so', async t => {
  const jwks = { keys: [{ kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }] }
  const settings = {
    name: 'signs',
    authMethod: 'private_key_jwt',
    jwks,
    redirectUris: [REDIRECT],
    userId: user.id,
  } as const
  const { client } = await services.clients.create(settings)
  const page = await browser.get(`/apps/own/${client.id}`)
  t.equal((await browser.submit(page, filled, new RegExp(`${client.id}$`))).statusCode, 303)
  t.match(await services.clients.find(client.id), { name: 'Viewer', authMethod: 'private_key_jwt', jwks })
})

t.test('the old secret stays valid during the overlap', async t => {
  const { id, secret: first } = await made()
  const rotate = async (overlap?: string) =>
    browser.submit(await browser.get(`/apps/own/${id}/secret`), { overlap }, /secret$/)
  const answer = await rotate('1d')
  t.match(answer, { statusCode: 200, headers: { 'cache-control': 'no-store' } })
  const second = secretIn(answer.body) as string
  t.strictSame([await proves(id, first), await proves(id, second)], [true, true])
  const third = secretIn((await rotate('0')).body) as string
  t.strictSame([await proves(id, second), await proves(id, third)], [false, true])
  for (const bad of ['x', '-1', '31d', '1y']) t.equal((await rotate(bad)).statusCode, 400, bad)
  t.ok(await proves(id, third))
})

t.test('revoking an app asks for confirmation, with its name', async t => {
  const { id, secret } = await made({ name: 'Doomed <app>' })
  const question = await browser.get(`/apps/own/${id}/revoke`)
  t.match(question.body, /Revoke <bdi>Doomed &lt;app(>|&gt;)<\/bdi>\?/)
  t.ok(await proves(id, secret))
  t.equal((await browser.submit(question, {}, /revoke$/)).statusCode, 303)
  t.notOk(await proves(id, secret))
  t.match((await browser.get('/apps/own')).body, 'Revoked')
  t.notMatch((await browser.get(`/apps/own/${id}`)).body, '<button>Save')
})

t.test('users cannot see or change apps of others', async t => {
  const { id } = await made()
  const { fields } = formOf((await stranger.get('/apps/own/new')).body, /own$/)
  for (const other of [id, NOBODY, 'x']) {
    for (const path of ['', '/secret', '/revoke']) {
      t.equal((await stranger.get(`/apps/own/${other}${path}`)).statusCode, 404)
      t.equal((await stranger.post(`/apps/own/${other}${path}`, { ...filled, ...fields })).statusCode, 404)
    }
  }
  t.notMatch((await stranger.get('/apps/own')).body, id)
  t.match(await services.clients.find(id), { name: 'Viewer', revoked: false })
})

t.test('every form requires its CSRF token, and every page a session', async t => {
  const { id } = await made()
  const { fields: theirs } = formOf((await stranger.get('/apps/own/new')).body, /own$/)
  const before = (await services.auditLog.list({}, { limit: 1 }))[0]?.id
  for (const url of ['/apps/own', `/apps/own/${id}`, `/apps/own/${id}/secret`, `/apps/own/${id}/revoke`]) {
    t.equal((await browser.post(url, filled)).statusCode, 403)
    t.equal((await browser.post(url, { ...filled, _csrf: 'x' })).statusCode, 403)
    t.equal((await browser.post(url, { ...filled, ...theirs })).statusCode, 403)
    t.equal((await new Browser(app).post(url, filled)).statusCode, 401)
    t.equal((await new Browser(app).get(url)).statusCode, 303)
  }
  t.equal((await services.auditLog.list({}, { limit: 1 }))[0]?.id, before, 'nothing happened')
})

t.test('names and URIs cannot inject scripts', async t => {
  const { id } = await made({ name: XSS, redirect_uris: "https://viewer.example/cb?'onclick='alert(1)" })
  for (const url of ['/apps/own', `/apps/own/${id}`, `/apps/own/${id}/secret`, `/apps/own/${id}/revoke`]) {
    const { body, statusCode } = await browser.get(url)
    t.equal(statusCode, 200)
    t.notMatch(body.replaceAll(/"[^"]*"/g, '""'), /<script>|<img|<[^>]* (on\w+|style)=/, url)
    t.notMatch(body, /undefined|\[object/)
  }
})
