import { randomBytes } from 'node:crypto'
import type { LightMyRequestResponse } from 'fastify'
import t from 'tap'
import { openDatabase } from '../../src/open-database.ts'
import { APP_KEY } from '../helpers/app.ts'
import { authorizeUrl, Browser, pkce } from '../helpers/browser.ts'
import { testDatabase } from '../helpers/database.ts'
import { basic, form } from '../helpers/oauth.ts'
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
  secrets.set(`${name} ${secrets.size}`, secret)
  return secret
}
const invent = (name: string) => keep(name, `${name.replaceAll(' ', '-')}-${randomBytes(12).toString('hex')}`)
const ok = (answer: LightMyRequestResponse) => {
  if (answer.statusCode >= 400) throw new Error(`${answer.statusCode} ${answer.body}`)
  return answer
}

const where = await testDatabase(t)
const dataDir = t.testdir()
const server = await launch(t, {
  APP_KEY,
  LOG_LEVEL: 'trace',
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

t.test('an app is registered, let in, refreshed and withdrawn', async () => {
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

t.test('every route, with secrets wherever one can stand', async () => {
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

t.test('what is not HTTP', async t => {
  for (const spoilt of ['a b: c', `x: ${'x'.repeat(20_000)}`]) {
    const lines = ['GET /api/user HTTP/1.1', 'host: x', `authorization: Bearer ${invent('bearer')}`, spoilt]
    t.ok((await sendRaw(Number(new URL(server.url).port), `${lines.join('\r\n')}\r\n\r\n`)).statusCode >= 400)
  }
})

const onServer = { skip: where.databaseUrl ? false : 'needs a database that somebody else can break' }
t.test('a failure of ours says nothing of the inside', onServer, async t => {
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

t.test('none of it is in the log, or in clear in the database', async t => {
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
