import t from 'tap'
import { actingAs, newUser, testApp } from '../helpers/app.ts'
import { operationsOf, send } from '../helpers/operations.ts'
import { isProblem } from '../helpers/problem.ts'
import { listening } from '../helpers/raw.ts'
import { requester } from '../helpers/requester.ts'

/** What holds for every route alike: who gets in, and what an answer carries. The document says which there are. */

const { app, services } = await testApp(t)

const operations = await operationsOf(app)
const byBearer = operations.filter(({ security }) => security.length > 0 && security.every(one => 'bearer' in one))

t.test('a route that requires a token rejects requests without one or with an invalid one', async t => {
  t.ok(byBearer.length > 20)
  for (const operation of byBearer) {
    for (const headers of [{}, { authorization: 'Bearer nonsense' }]) {
      const answer = await send(app, operation, headers)
      t.equal(answer.statusCode, 401, operation.name)
      t.match(answer.headers['www-authenticate'], /^Bearer realm="postern"/, operation.name)
    }
  }
})

t.test('a route that requires scopes names the missing ones', async t => {
  const { headers } = await actingAs(services)
  for (const operation of byBearer) {
    const needed = operation.security.map(one => one.bearer ?? [])
    if (needed.some(scopes => scopes.length === 0)) continue
    const answer = await send(app, operation, headers)
    t.equal(answer.statusCode, 403, operation.name)
    for (const scope of needed.flat()) t.match(answer.headers['www-authenticate'], scope, operation.name)
  }
})

t.test('every administrative route rejects users who are not administrators, with any token', async t => {
  const admin = operations.filter(({ path }) => path.startsWith('/admin'))
  t.ok(admin.length > 10)
  const user = await actingAs(services, ['*'])
  const demoted = await actingAs(services, ['*', 'admin:read', 'admin:write'], { role: 'admin' })
  await newUser(services, 'admin')
  await services.users.update(demoted.user.id, { role: 'user' })
  for (const operation of admin) {
    for (const { headers } of [user, demoted])
      t.equal((await send(app, operation, headers)).statusCode, 403, operation.name)
    t.equal((await send(app, operation)).statusCode, 401, operation.name)
  }
})

t.test(
  'no answer is stored that is about somebody, none is sniffed, and none is for another origin with its cookies',
  async t => {
    const { headers } = await actingAs(services, ['*'])
    const origin = { origin: 'https://evil.example', 'access-control-request-method': 'GET' }
    for (const operation of operations.filter(({ path }) => !path.endsWith('/events'))) {
      for (const who of [{}, headers]) {
        const answer = await send(app, operation, { ...who, ...origin })
        const said = answer.headers
        if (/^\/(api|admin)\//.test(operation.path)) t.equal(said['cache-control'], 'no-store', operation.name)
        t.equal(said['x-content-type-options'], 'nosniff', operation.name)
        t.notOk(said['x-powered-by'] ?? said.server, operation.name)
        t.notOk(said['access-control-allow-credentials'], operation.name)
      }
      const preflight = await app.inject({ method: 'OPTIONS', url: operation.url, headers: origin })
      t.notOk(preflight.headers['access-control-allow-credentials'], operation.name)
    }
  },
)

t.test('malformed HTTP gets a short problem', async t => {
  const raw = await listening(t, services)
  const line = 'GET /api/user HTTP/1.1\r\nhost: x\r\n'
  const posted = 'POST /api/tokens HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n'
  const requests: [string, number][] = [
    ['nonsense\r\n\r\n', 400],
    ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
    ['GET /api/user HTTP/9.9\r\nhost: x\r\n\r\n', 400],
    ['GET /a b HTTP/1.1\r\nhost: x\r\n\r\n', 400],
    ['NONSENSE /api/user HTTP/1.1\r\nhost: x\r\n\r\n', 400],
    [`${line}a b: c\r\n\r\n`, 400],
    [`${line}authorization: Bearer x\x00\r\n\r\n`, 400],
    [`${line}authorization: Bearer ${'x'.repeat(40_000)}\r\n\r\n`, 431],
    [`GET /${'x'.repeat(40_000)} HTTP/1.1\r\nhost: x\r\n\r\n`, 431],
    [`${line}content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n`, 400],
    [`${line}content-length: 1\r\ncontent-length: 2\r\n\r\n`, 400],
    [`${posted}transfer-encoding: chunked\r\n\r\nnonsense\r\n`, 400],
    [`${posted}transfer-encoding: chunked\r\n\r\n1;${'x'.repeat(20_000)}\r\n`, 413],
    [`${posted}content-length: 10000000\r\nconnection: close\r\n\r\n{`, 413],
  ]
  for (const [request, status] of requests) {
    const answer = await raw(request)
    isProblem(t, answer, status, JSON.stringify(request.slice(0, 80)))
    t.match(answer.headers, { connection: 'close', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
  }
  t.equal((await requester(app).get('/health/live')).statusCode, 200, 'and the server lives on')
})
