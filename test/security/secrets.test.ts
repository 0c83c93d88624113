import { randomBytes } from 'node:crypto'
import type { LightMyRequestResponse } from 'fastify'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import t from 'tap'
import { openDatabase } from '../../src/open-database.ts'
import { APP_KEY } from '../helpers/app.ts'
import { authorizeUrl, Browser, pkce } from '../helpers/browser.ts'
import { testDatabase } from '../helpers/database.ts'
import { linkIn, openMailServer } from '../helpers/mail.ts'
import { basic, exchangeOf, form } from '../helpers/oauth.ts'
import { isProblem } from '../helpers/problem.ts'
import { launch } from '../helpers/process.ts'
import { sendRaw } from '../helpers/raw.ts'
import { remote } from '../helpers/remote.ts'
import { bearer, requester } from '../helpers/requester.ts'

/**
 * A server that logs everything it can is asked everything it answers, rightly and wrongly. Afterwards no secret that
 * was used stands in its output, or in clear in any table.
 */

const secrets = new Map<string, string>()
const keep = (name: string, secret: string): string => {
  if (!secret) throw new Error(`${name} was not found`)
  secrets.set(`${name} ${secrets.size}`, secret)
  return secret
}
const invent = (name: string) => keep(name, `${name.replaceAll(' ', '-')}-${randomBytes(12).toString('hex')}`)
const ok = (answer: LightMyRequestResponse) => {
  if (answer.statusCode >= 400) throw new Error(`${answer.statusCode} ${answer.body}`)
  return answer
}

const mailServer = await openMailServer(t)
const where = await testDatabase(t)
const dataDir = t.testdir()
const server = await launch(t, {
  APP_KEY,
  LOG_LEVEL: 'trace',
  INITIAL_ACCESS_TOKEN: invent('initial access token'),
  METRICS_TOKEN: invent('metrics token'),
  SMTP_URL: mailServer.url,
  MAIL_FROM: 'Postern <no-reply@example.com>',
  DATA_DIR: dataDir,
  ...(where.databaseUrl && { DATABASE_URL: where.databaseUrl }),
})
await server.ready
const app = remote(server.url)
const administrator = server.administrator() as { email: string; password: string }
keep('first password', administrator.password)

async function signIn(email: string, password: string, extra: object = {}) {
  const answer = await requester(app).post('/api/tokens', { email, password, device_name: 'x', ...extra })
  return keep('access token', ok(answer).json().token)
}
const issued = (answer: LightMyRequestResponse) => {
  for (const name of ['access_token', 'refresh_token', 'id_token', 'token']) {
    if (ok(answer).json()[name]) keep(name, answer.json()[name])
  }
  return answer.json()
}

const admin = requester(
  app,
  bearer(await signIn(administrator.email, administrator.password, { scopes: ['*', 'admin:read', 'admin:write'] })),
)
const email = 'ada@example.com'
const password = invent('password')
ok(await admin.post('/admin/users', { email, name: 'Ada', password }))

t.test('a person signs in, issues, changes and revokes', async () => {
  const me = requester(app, bearer(await signIn(email, password, { scopes: ['*'] })))
  await signIn(email, password, { format: 'opaque' })
  const { data } = issued(await me.post('/api/tokens', { name: 'x', format: 'opaque' }))
  issued(await me.post(`/api/tokens/${data.id}/rotate`))
  ok(await me.patch(`/api/tokens/${(await me.get('/api/tokens')).json().data[0].id}`, { suspended: true }))
  issued(await me.post('/api/tokens/current/rotate', { overlap: 60 }))
  const changed = { current_password: password, password: invent('new password') }
  ok(await me.put('/api/user/password', changed))
  ok(await me.put('/api/user/password', { current_password: changed.password, password }))
  for (const body of [
    { email, password: invent('wrong password'), device_name: 'x' },
    { email: invent('password in the wrong field'), password: invent('wrong password'), device_name: 'x' },
    { email, password: [invent('password in a list')] },
    { email, pasword: invent('password in a misspelt field') },
  ]) {
    await requester(app).post('/api/tokens', body)
  }
})

t.test('an app is registered, authorized, refreshed and revoked', async () => {
  const redirect = 'https://app.example/cb'
  const made = ok(await admin.post('/admin/clients', { name: 'App', redirect_uris: [redirect] })).json()
  const id = made.client_id ?? made.data?.client_id ?? made.data.id
  keep('client secret', made.client_secret ?? made.secret)
  const renewed = ok(await admin.post(`/admin/clients/${id}/secret`)).json()
  const secret = keep('client secret', renewed.client_secret ?? renewed.secret)
  const browser = new Browser(app)
  await browser.signIn({ email }, password)
  for (const value of browser.cookies.values()) keep('cookie', value)

  const { verifier, challenge } = pkce(keep('verifier', randomBytes(32).toString('base64url')))
  const client = { id, redirectUris: [redirect] }
  const state = invent('state')
  const url = await browser.approve(authorizeUrl(client, { challenge, state, scope: 'orders:read' }))
  const code = keep('code', url.searchParams.get('code') as string)
  const exchange = { grant_type: 'authorization_code', code, redirect_uri: redirect, code_verifier: verifier }
  const tokens = issued(await form(app, '/oauth/token', exchange, basic(id, secret)))
  const refresh = (refresh_token: string) => ({ grant_type: 'refresh_token', refresh_token })
  const second = issued(await form(app, '/oauth/token', refresh(tokens.refresh_token), basic(id, secret)))
  const inBody = { ...refresh(second.refresh_token), client_id: id, client_secret: secret }
  const third = issued(await form(app, '/oauth/token', inBody))
  for (const token of [third.access_token, third.refresh_token]) {
    ok(await form(app, '/oauth/introspect', { token }, basic(id, secret)))
  }
  ok(await form(app, '/oauth/revoke', { token: third.refresh_token }, basic(id, secret)))
  const pushed = { client_id: id, client_secret: secret, redirect_uri: redirect, response_type: 'code' }
  const par = await form(app, '/oauth/par', { ...pushed, code_challenge: challenge, code_challenge_method: 'S256' })
  keep('request_uri', ok(par).json().request_uri.split(':').at(-1))
  await form(app, '/oauth/token', exchange, basic(id, invent('wrong secret')))
})

t.test('a machine and a device', async () => {
  const grants = ['client_credentials', 'urn:ietf:params:oauth:grant-type:device_code']
  const made = ok(await admin.post('/admin/clients', { name: 'Device', grant_types: grants })).json()
  const id = made.client_id ?? made.data?.client_id ?? made.data.id
  const secret = keep('client secret', made.client_secret ?? made.secret)
  issued(await form(app, '/oauth/token', { grant_type: 'client_credentials' }, basic(id, secret)))
  const begun = ok(await form(app, '/oauth/device_authorization', {}, basic(id, secret))).json()
  keep('device code', begun.device_code)
  keep('user code', begun.user_code)
  keep('user code as typed', begun.user_code.replace('-', ''))
  const browser = new Browser(app)
  await browser.signIn({ email }, password)
  const asked = await browser.submit(await browser.get('/device'), { user_code: begun.user_code }, /device$/)
  await browser.submit(asked, { decision: 'approve' }, /device$/)
  for (const value of browser.cookies.values()) keep('cookie', value)
  issued(await form(app, '/oauth/token', { grant_type: grants[1], device_code: begun.device_code }, basic(id, secret)))
})

t.test('a token is exchanged, and a client signs', async t => {
  const subject = await signIn(email, password, { scopes: ['orders:read'] })
  issued(await form(app, '/oauth/token', exchangeOf(subject)))
  await form(
    app,
    '/oauth/token',
    exchangeOf(`${subject.slice(0, -9)}${keep('end of a token', randomBytes(8).toString('hex'))}`),
  )
  const { issuer } = ok(await requester(app).get('/.well-known/oauth-authorization-server')).json()
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
  const settings = {
    name: 'Signs',
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [await exportJWK(publicKey)] },
  }
  const { id } = ok(await admin.post('/admin/clients', settings)).json().data
  const client_assertion = await new SignJWT({ jti: randomBytes(12).toString('hex') })
    .setProtectedHeader({ alg: 'ES256' })
    .setIssuer(id)
    .setSubject(id)
    .setAudience(issuer)
    .setIssuedAt()
    .setExpirationTime('60s')
    .sign(privateKey)
  keep('assertion', client_assertion)
  const type = { client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer' }
  const asked = { grant_type: 'client_credentials', client_assertion, ...type }
  issued(await form(app, '/oauth/token', asked))
  t.equal((await form(app, '/oauth/token', asked)).statusCode, 401, 'once')
})

t.test('a client registers itself, and reads, changes and removes what it registered', async () => {
  const initial = bearer([...secrets].find(([name]) => name.startsWith('initial access token'))?.[1] as string)
  const metadata = { client_name: 'App', redirect_uris: ['https://app.example/cb'] }
  const made = ok(await requester(app, initial).post('/oauth/register', metadata)).json()
  keep('client secret', made.client_secret)
  const its = requester(app, bearer(keep('registration access token', made.registration_access_token)))
  const path = new URL(made.registration_client_uri).pathname
  ok(await its.get(path))
  const { client_id } = made
  ok(await its.put(path, { ...metadata, client_id, token_endpoint_auth_method: 'none' }))
  keep('client secret', ok(await its.put(path, { ...metadata, client_id })).json().client_secret)
  ok(await its.delete(path))
})

t.test('the pages', async () => {
  const operator = new Browser(app)
  await operator.signIn(administrator, administrator.password)
  const own = invent('own password')
  const first = { password: own, password_confirmation: own }
  ok(await operator.submit(await operator.get('/new-password'), first, /new-password$/))
  const person = { email: 'grace@example.com', name: 'Grace', role: 'user', password: invent('password by a page') }
  ok(await operator.submit(await operator.get('/manage/users/new'), person, /users$/))
  const shown = ({ body }: LightMyRequestResponse, id: string) =>
    keep(`${id} by a page`, new RegExp(`<input id="${id}"[^>]* value="([^"]+)"`).exec(body)?.[1] as string)
  const ownApp = { name: 'Own', redirect_uris: 'https://app.example/cb' }
  shown(await operator.submit(await operator.get('/apps/own/new'), ownApp, /own\/?$/), 'secret')
  const token = { name: 'x', expires_in: '7d', format: 'opaque' }
  shown(await operator.submit(await operator.get('/tokens/new'), token, /tokens$/), 'plain-text')

  const browser = new Browser(app)
  await browser.signIn(person, person.password)
  const account = await browser.get('/account')
  const next = invent('next password')
  for (const current_password of [invent('wrong password'), person.password]) {
    const change = { current_password, password: next, password_confirmation: next }
    await browser.submit(account, change, /account\/password$/)
  }
  for (const value of [...operator.cookies.values(), ...browser.cookies.values()]) keep('cookie', value)
  const cookies = Object.fromEntries(browser.cookies)
  keep('CSRF token', ok(await app.inject({ url: '/api/session', cookies })).json().csrf_token)
})

t.test('a link in a mail', async () => {
  const person = { email: 'lost@example.com', name: 'Lost', password: invent('lost password') }
  ok(await admin.post('/admin/users', person))
  const browser = new Browser(app)
  await browser.submit(await browser.get('/forgot-password'), { email: person.email }, /forgot-password$/)
  const path = linkIn(await mailServer.take(person.email))
  keep('link', new URL(path, server.url).searchParams.get('link') as string)
  const password = invent('password by a link')
  const page = await browser.get(path)
  await browser.submit(page, { password, password_confirmation: invent('another password') }, /reset-password$/)
  ok(await browser.submit(page, { password, password_confirmation: password }, /reset-password$/))
})

t.test('metrics and the feed', async () => {
  const metrics = [...secrets].find(([name]) => name.startsWith('metrics token'))?.[1] as string
  ok(await requester(app, bearer(metrics)).get('/metrics'))
  await requester(app, bearer(invent('wrong metrics token'))).get('/metrics')
  await app.inject({ url: '/oauth/events', headers: basic(invent('no client'), invent('secret at the feed')) })
})

t.test('every route, with secrets in every parameter', async () => {
  const { paths } = (await requester(app).get('/docs/json')).json() as { paths: Record<string, object> }
  for (const [path, operations] of Object.entries(paths)) {
    if (path.endsWith('/events')) continue
    for (const method of Object.keys(operations)) {
      const url = path.replaceAll(/\{\w+\}/g, () => `post_${keep('token in a path', randomBytes(23).toString('hex'))}`)
      // Short, as a code may be: not what is left out of a log for its length.
      const query = `code=${keep('code in a query', randomBytes(8).toString('hex'))}`
      const body = { token: invent('token'), password: invent('password'), client_secret: invent('secret') }
      for (const headers of [bearer(invent('bearer')), basic('client', invent('basic'))]) {
        const cookie = `session=${invent('cookie')}`
        const type = path.startsWith('/oauth') ? 'application/x-www-form-urlencoded' : 'application/json'
        const payload = type.endsWith('json') ? JSON.stringify(body) : new URLSearchParams(body).toString()
        const inBody = method === 'get' ? {} : { payload, headers: { ...headers, cookie, 'content-type': type } }
        await app.inject({
          method: method.toUpperCase() as 'POST',
          url: `${url}?${query}`,
          headers: { ...headers, cookie },
          ...inBody,
        })
      }
      const broken = {
        payload: `{"password":"${invent('broken JSON')}`,
        headers: { 'content-type': 'application/json' },
      }
      if (method !== 'get') await app.inject({ method: method.toUpperCase() as 'POST', url: path, ...broken })
    }
  }
})

t.test('malformed HTTP', async t => {
  for (const spoilt of ['a b: c', `x: ${'x'.repeat(20_000)}`]) {
    const lines = ['GET /api/user HTTP/1.1', 'host: x', `authorization: Bearer ${invent('bearer')}`, spoilt]
    t.ok((await sendRaw(Number(new URL(server.url).port), `${lines.join('\r\n')}\r\n\r\n`)).statusCode >= 400)
  }
})

const onServer = { skip: where.databaseUrl ? false : 'needs a database that somebody else can break' }
t.test('an internal error reveals no details', onServer, async t => {
  const token = await signIn(email, password)
  const db = await openDatabase(where)
  t.teardown(() => db.close())
  for (const table of ['audit_events', 'users']) {
    await db.query(`alter table ${table} rename to away`)
    const credentials = { email, password: invent('password at a failure'), device_name: 'x' }
    isProblem(t, await requester(app).post('/api/tokens', credentials), 500, table)
    const change = { current_password: password, password: invent('new password at a failure') }
    isProblem(t, await requester(app, bearer(token)).put('/api/user/password', change), 500, table)
    await db.query(`alter table away rename to ${table}`)
  }
  t.equal((await requester(app, bearer(token)).get('/api/user')).statusCode, 200, 'and nothing was changed')
})

t.test('none of the secrets is in the log, or in plain text in the database', async t => {
  server.kill('SIGTERM')
  t.equal(await server.ended, 0)
  // What a first start prints for its person is not the log.
  const log =
    server
      .stdout()
      .split('\n')
      .filter(line => line.startsWith('{'))
      .join('\n') + server.stderr()
  t.ok(log.split('\n').length > 100, 'there is a log')
  t.ok(secrets.size > 200, 'there are secrets')
  const db = await openDatabase({ ...where, ...(!where.databaseUrl && { dataDir, loadDataDir: undefined }) })
  t.teardown(() => db.close())
  const tables = await db.query<{ name: string }>(
    "select quote_ident(tablename) as name from pg_tables where schemaname = 'public' order by 1",
  )
  let dump = ''
  for (const { name } of tables) {
    const rows = await db.query<{ row: string }>(`select to_jsonb(t)::text as row from ${name} t`)
    dump += rows.map(({ row }) => `${name} ${row}\n`).join('')
  }
  t.ok(tables.length > 8 && dump.includes(email), 'there is a dump')
  const leaks = [...secrets].flatMap(([name, secret]) => {
    const signature = secret.startsWith('eyJ') ? [secret.split('.')[2] as string] : []
    const bytes = Buffer.from(secret)
    const spellings = [secret, bytes.toString('hex'), bytes.join(','), encodeURIComponent(secret), ...signature]
    return spellings.flatMap(text => [log.includes(text) && `${name}: log`, dump.includes(text) && `${name}: database`])
  })
  t.strictSame(new Set(leaks.filter(Boolean)), new Set())
})
