import t from 'tap'
import { actingAs, testApp } from '../helpers/app.ts'
import { basic } from '../helpers/oauth.ts'
import { type Operation, operationsOf, send } from '../helpers/operations.ts'
import { isProblem } from '../helpers/problem.ts'

/** What is refused by every route that takes it. The document says which routes there are. */

const { app, services } = await testApp(t)
const { headers } = await actingAs(services, ['*', 'admin:read', 'admin:write'], { role: 'admin' })
const operations = await operationsOf(app)
const CALLBACK = 'https://app.example/cb'

t.test('a list returns at most its maximum', async t => {
  // Those below an id answer 404 here: there is nothing by that id.
  const lists = operations.filter(({ path, query }) => query.includes('limit') && !path.includes('{'))
  t.ok(lists.length >= 7)
  for (const { url, name } of lists) {
    for (const limit of ['-1', '0', '101', '1e9', '1.5', 'x', '']) {
      isProblem(t, await app.inject({ url: `${url}?limit=${limit}`, headers }), 422, `${name} ${limit}`)
    }
    isProblem(t, await app.inject({ url: `${url}?limit=1&limit=2`, headers }), 422, `${name} twice`)
    isProblem(t, await app.inject({ url: `${url}?cursor=x`, headers }), 422, `${name} by a cursor that is none`)
    isProblem(t, await app.inject({ url: `${url}?or=1`, headers }), 422, `${name} with what it does not know`)
    t.equal((await app.inject({ url: `${url}?limit=1`, headers })).statusCode, 200, name)
  }
})

t.test('fields that only the server sets are in no request body', async t => {
  const DECIDED = ['id', 'user_id', 'client_id', 'revoked', 'created_at', 'disabled_at', 'secrets', 'personal_access']
  const writes = operations.filter(({ path, type }) => /^\/(api|admin)\//.test(path) && type === 'application/json')
  t.ok(writes.length >= 12)
  for (const operation of writes) {
    for (const field of DECIDED.filter(name => !operation.fields.includes(name))) {
      const refused = await send(app, operation, headers, { ...operation.example, [field]: '1' })
      isProblem(t, refused, 422, `${operation.name} ${field}`)
      t.match(refused.json().errors, [{ path: field, message: 'is not known' }], `${operation.name} ${field}`)
    }
  }
})

t.test('a protocol endpoint accepts a form by POST, with each parameter once', async t => {
  const { client, secret } = await services.clients.create({ name: 'App', redirectUris: [CALLBACK] })
  const by = basic(client.id, secret)
  const endpoints = operations.filter(({ isForm }) => isForm)
  t.ok(endpoints.length >= 5)
  const type = { 'content-type': 'application/x-www-form-urlencoded' }
  const refused = async (operation: Operation, payload: string | Buffer, status: number, more: object = type) => {
    const name = `${operation.name} ${payload.toString('latin1').slice(0, 30)} ${JSON.stringify(more)}`
    const answer = await app.inject({ method: 'POST', url: operation.url, payload, headers: { ...by, ...more } })
    t.equal(answer.statusCode, status, name)
    t.match(answer.json(), { error: 'invalid_request', error_description: /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/ }, name)
    t.equal(answer.headers['cache-control'], 'no-store', name)
  }
  for (const operation of endpoints) {
    const json = JSON.stringify(operation.example)
    for (const other of ['application/json', 'text/plain', 'multipart/form-data; boundary=x']) {
      await refused(operation, json, 415, { 'content-type': other })
    }
    for (const name of ['scope', 'token', 'client_id', 'whatever']) await refused(operation, `${name}=a&${name}=a`, 400)
    for (const text of ['scope=%00', 'token=a%00b', 'a%00=1', 'scope=%ff', 'token=%c3', 'scope=%zz']) {
      await refused(operation, text, 400)
    }
    await refused(operation, Buffer.from('scope=\xff', 'latin1'), 400)
    await refused(operation, `scope=${'x'.repeat(1_000_000)}`, 413)
    for (const method of ['GET', 'PUT', 'PATCH', 'DELETE'] as const) {
      const answer = await app.inject({ method, url: `${operation.url}?token=x`, headers: by })
      t.strictSame([answer.statusCode, answer.headers.allow], [405, 'POST'], `${method} ${operation.url}`)
    }
  }
})

t.test('no registration accepts a redirect URI that runs a script or shows a document', async t => {
  const user = await actingAs(services, ['clients:read', 'clients:write'])
  const { client } = await services.clients.create({ name: 'App', redirectUris: [CALLBACK], userId: user.user.id })
  const ways = [
    ['POST', '/api/clients', user.headers],
    ['PATCH', `/api/clients/${client.id}`, user.headers],
    ['POST', '/admin/clients', headers],
    ['PATCH', `/admin/clients/${client.id}`, headers],
  ] as const
  const bad = [
    'javascript:alert(1)',
    'JavaScript:alert(1)',
    ' javascript:alert(1)',
    'java\tscript:alert(1)',
    'javascript://app.example/%0aalert(1)',
    'data:text/html,<script>alert(1)</script>',
    'vbscript:x',
    'file:///etc/passwd',
    'blob:https://app.example/x',
    'about:blank',
    'http://app.example/cb',
    'https://app.example/cb#x',
    'https://*.app.example/cb',
    'https://user:pass@app.example/cb',
    'https://app.example@evil.example/cb',
    'https://app.example\\@evil.example/cb',
    'https:app.example/cb',
    'https:/app.example/cb',
    'https:///app.example/cb',
    'http:127.0.0.1/cb',
    '//app.example/cb',
    '/cb',
    '',
  ]
  for (const [method, url, by] of ways) {
    for (const uri of bad) {
      const payload = { name: 'App', redirect_uris: [CALLBACK, uri] }
      const refused = await app.inject({ method, url, headers: by, payload })
      isProblem(t, refused, 422, `${method} ${url} ${uri}`)
      t.match(refused.json().errors, [{ path: 'redirect_uris/1' }], `${method} ${url} ${uri}`)
    }
  }
  t.match(await services.clients.find(client.id), { redirectUris: [CALLBACK] })
  const good = [
    'https://app.example',
    'https://app.example?from=here',
    'https://app.example/@me/cb?to=a@b.example',
    'https://[2001:db8::1]:8443/cb',
    'http://localhost:8080/cb',
    'http://[::1]',
    'com.example.app:/cb',
    'com.example.app://cb',
  ]
  for (const [method, url, by] of ways) {
    const taken = await app.inject({ method, url, headers: by, payload: { name: 'App', redirect_uris: good } })
    t.match(taken.json(), { data: { redirect_uris: good } }, `${method} ${url}`)
  }
})
