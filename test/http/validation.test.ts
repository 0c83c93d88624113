import t from 'tap'
import { actingAs, testApp } from '../helpers/app.ts'
import { isProblem } from '../helpers/problem.ts'
import { requester } from '../helpers/requester.ts'

const { app, services } = await testApp(t)
const { headers } = await actingAs(services, ['tokens:read', 'tokens:write'])
const get = requester(app, headers).get
const post = (payload: string | Buffer, type = 'application/json') =>
  app.inject({ method: 'POST', url: '/api/tokens', headers: { ...headers, 'content-type': type }, payload })

const deep = (open: string, close: string, levels: number) => open.repeat(levels) + close.repeat(levels)

t.test('a body that is no JSON object is refused', async t => {
  for (const body of ['{"name"', '{', 'name=x', '{"name":undefined}', "{'name':'x'}", '{"name":"x"}}', '\u0000']) {
    isProblem(t, await post(body), 400, JSON.stringify(body))
  }
  for (const body of ['', 'null', '[]', '1', '"text"', 'true', '[{"name":"x"}]']) {
    isProblem(t, await post(body), 422, body)
  }
})

t.test('text that is not Unicode is refused before anything is stored', async t => {
  isProblem(t, await post(Buffer.from('{"name":"\xff"}', 'latin1')), 400, 'bad UTF-8')
  isProblem(t, await post(Buffer.from('{"name":"\xed\xa0\x80"}', 'latin1')), 400, 'a surrogate in UTF-8')
  isProblem(t, await post(Buffer.from('{"name":"x"}', 'utf16le')), 400, 'UTF-16')
  for (const name of ['\\u0000', 'a\\u0000b', '\\ud800', '\\udc00\\ud800']) {
    isProblem(t, await post(`{"name":"${name}"}`), 422, name)
    isProblem(t, await post(`{"${name}":"x"}`), 422, `${name} as a name`)
    isProblem(t, await post(`{"name":"x","scopes":["${name}"]}`), 422, `${name} in a list`)
  }
})

t.test('names of the prototype are names like any other', async t => {
  isProblem(t, await post('{"name":"x","__proto__":{"revoked":true}}'), 400, '__proto__')
  isProblem(t, await post('{"name":"x","constructor":{"prototype":{"revoked":true}}}'), 400, 'constructor.prototype')
  for (const field of ['constructor', 'prototype', 'toString', 'hasOwnProperty']) {
    const answer = await post(JSON.stringify({ name: 'x', [field]: 1 }))
    isProblem(t, answer, 422, field)
    t.match(answer.json().errors, [{ path: field, message: 'is not known' }])
  }
  const stored = await post('{"name":"__proto__"}')
  t.equal(stored.json().data.name, '__proto__')
  isProblem(t, await post('{"name":"x","scopes":["__proto__"]}'), 422, 'as a scope')
  t.equal(({} as { revoked?: boolean }).revoked, undefined)
})

t.test('a name that stands twice in a body counts once, the last', async t => {
  t.equal((await post('{"name":"first","name":"second"}')).json().data.name, 'second')
})

t.test('what is nested too deeply is refused', async t => {
  for (const levels of [100, 20_000]) {
    isProblem(t, await post(`{"name":"x","scopes":${deep('[', ']', levels)}}`), 422, `${levels} lists`)
    isProblem(
      t,
      await post(`{"name":"x","scopes":${'{"a":'.repeat(levels / 4)}1${'}'.repeat(levels / 4)}}`),
      422,
      'objects',
    )
  }
})

t.test('what is too large is refused', async t => {
  isProblem(t, await post(JSON.stringify({ name: 'x'.repeat(10_000_000) })), 413, '10 MB')
  isProblem(t, await post(JSON.stringify({ name: 'x'.repeat(60_000) })), 422, 'a long name')
  isProblem(t, await post(JSON.stringify({ name: 'x', scopes: Array(501).fill('a') })), 422, 'many scopes')
  const many = await post(JSON.stringify(Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`f${i}`, 1]))))
  isProblem(t, many, 422, 'many unknown fields')
  t.ok(many.body.length < 20_000, 'the answer is no larger than the question')
})

t.test('numbers are numbers, and not too large', async t => {
  for (const number of ['1e400', '-1e400', '1e308', '1.5', '-0', '0', '9007199254740993', '"60"', '[60]', 'null']) {
    isProblem(t, await post(`{"name":"x","expires_in":${number}}`), 422, number)
  }
  t.equal((await post('{"name":"x","expires_in":6e1}')).statusCode, 201)
})

t.test('a time is an RFC 3339 time that can be', async t => {
  const year = new Date().getUTCFullYear() + 1
  for (const time of [
    '+275760-09-13T00:00:00Z',
    '275760-09-13T00:00:00Z',
    '9999-12-31T23:59:59Z',
    '0000-01-01T00:00:00Z',
    `${year}-06-30T23:59:60Z`,
    `${year}-02-30T00:00:00Z`,
    `${year}-13-01T00:00:00Z`,
    `${year}-01-01T25:00:00Z`,
    `${year}-01-01T00:00:00`,
    `${year}-01-01`,
    'tomorrow',
    '1e400',
    '',
    'Z',
  ]) {
    const answer = await post(JSON.stringify({ name: 'x', expires_at: time }))
    isProblem(t, answer, 422, time)
    t.match(answer.json().errors, [{ path: 'expires_at' }], time)
  }
})

t.test('a body comes as JSON', async t => {
  for (const type of [
    'text/plain',
    'text/html',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    'json',
    ';',
  ]) {
    const answer = await post('{"name":"x"}', type)
    isProblem(t, answer, 415, type)
    t.match(answer.json().detail, 'send the body as application/json.', type)
    t.equal(answer.headers.accept, 'application/json', type)
  }
  t.equal((await post('{"name":"x"}', 'application/json; charset=utf-8')).statusCode, 201)
})

t.test('a query holds what it may, once', async t => {
  for (const query of [
    'limit=-1',
    'limit=0',
    'limit=101',
    'limit=1e9',
    'limit=1.5',
    'limit=ten',
    'limit=',
    'limit=1&limit=2',
    'limit=1e400',
    'state=dead',
    'state=live&state=all',
    'cursor=',
    'cursor=1',
    'cursor=%00',
    'cursor=%ff',
    `cursor=${'A'.repeat(65)}`,
    'cursor[a]=1',
    'limits=1',
    '__proto__=1',
    'constructor=1',
    'a%00=1',
  ]) {
    isProblem(t, await get(`/api/tokens?${query}`), 422, query)
  }
})

t.test('a path is text', async t => {
  for (const path of ['%', '%zz', '%ff', '%c0%af', '%ED%A0%80']) {
    isProblem(t, await get(`/api/tokens/${path}`), 400, path)
    isProblem(t, await get(`/${path}`), 400, path)
  }
  isProblem(t, await get('/api/tokens/%00'), 422, 'NUL')
  isProblem(t, await get(`/api/tokens/${'a'.repeat(300)}`), 404, 'too long')
  for (const path of ['%2e%2e%2f%2e%2e', '%252e', "' or 1=1 --", '%F0%9F%94%91', '%E2%80%AE']) {
    isProblem(t, await get(`/api/tokens/${path}`), 404, path)
  }
})

t.test('what is not there is a problem too, whatever the method and the Accept header', async t => {
  for (const method of ['OPTIONS', 'PUT', 'TRACE', 'PROPFIND', 'SEARCH', 'LOCK'] as const) {
    isProblem(t, await app.inject({ method: method as 'PUT', url: '/api/nowhere', headers }), 404, method)
  }
  for (const accept of ['text/html', '*/*', 'image/png', '']) {
    isProblem(t, await app.inject({ url: '/api/nowhere', headers: { accept } }), 404, accept)
    isProblem(t, await app.inject({ url: '/api/user', headers: { accept } }), 401, accept)
  }
  const head = await app.inject({ method: 'HEAD', url: '/api/tokens', headers })
  t.match(head, { statusCode: 200, body: '' })
  t.equal((await app.inject({ method: 'HEAD', url: '/api/tokens' })).statusCode, 401)
})
