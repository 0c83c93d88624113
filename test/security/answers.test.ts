import { type AddressInfo, createConnection } from 'node:net'
import t from 'tap'
import { createApp } from '../../src/app.ts'
import { actingAs, testApp } from '../helpers/app.ts'
import { asking } from '../helpers/asking.ts'

/** What holds for every route alike: who gets in, and what an answer carries. The document says which there are. */

const { app, house } = await testApp(t)

interface Described {
  security?: Record<string, string[]>[]
  requestBody?: { content: Record<string, { schema?: { examples?: object[] }; example?: object }> }
}
const { paths } = (await asking(app).get('/docs/json')).json() as { paths: Record<string, Record<string, Described>> }
const operations = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, { security = [], requestBody }]) => {
    const [type, media] = Object.entries(requestBody?.content ?? {})[0] ?? []
    const example = media?.schema?.examples?.[0] ?? media?.example ?? {}
    const payload = type?.startsWith('application/x-www')
      ? new URLSearchParams(example as never).toString()
      : JSON.stringify(example)
    const url = path.replaceAll(/\{\w+\}/g, '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a11')
    return { name: `${method} ${path}`, path, method: method.toUpperCase() as 'GET', url, security, type, payload }
  }),
)
type Operation = (typeof operations)[number]
const send = ({ method, url, type, payload }: Operation, headers: Record<string, string> = {}) =>
  app.inject({ method, url, headers: { ...headers, ...(type && { 'content-type': type }) }, ...(type && { payload }) })

const byBearer = operations.filter(({ security }) => security.length > 0 && security.every(one => 'bearer' in one))

t.test('a route that asks for a token is closed without one, and with one that is not good', async t => {
  t.ok(byBearer.length > 20)
  for (const operation of byBearer) {
    for (const headers of [{}, { authorization: 'Bearer nonsense' }]) {
      const answer = await send(operation, headers)
      t.equal(answer.statusCode, 401, operation.name)
      t.match(answer.headers['www-authenticate'], /^Bearer realm="postern"/, operation.name)
    }
  }
})

t.test('a route that asks for scopes is closed to a token without them, which are named', async t => {
  const { headers } = await actingAs(house)
  for (const operation of byBearer) {
    const needed = operation.security.map(one => one.bearer ?? [])
    if (needed.some(scopes => scopes.length === 0)) continue
    const answer = await send(operation, headers)
    t.equal(answer.statusCode, 403, operation.name)
    for (const scope of needed.flat()) t.match(answer.headers['www-authenticate'], scope, operation.name)
  }
})

t.test('every route of the administration refuses who is no administrator, whatever the token', async t => {
  const admin = operations.filter(({ path }) => path.startsWith('/admin'))
  t.ok(admin.length > 10)
  const user = await actingAs(house, ['*'])
  const demoted = await actingAs(house, ['*', 'admin:read', 'admin:write'], { role: 'admin' })
  await house.users.update(demoted.user.id, { role: 'user' })
  for (const operation of admin) {
    for (const { headers } of [user, demoted]) t.equal((await send(operation, headers)).statusCode, 403, operation.name)
    t.equal((await send(operation)).statusCode, 401, operation.name)
  }
})

t.test('no answer is stored that is about somebody, none is sniffed, and no other origin reads any', async t => {
  const { headers } = await actingAs(house, ['*'])
  const origin = { origin: 'https://evil.example', 'access-control-request-method': 'GET' }
  for (const operation of operations.filter(({ path }) => !path.endsWith('/events'))) {
    for (const who of [{}, headers]) {
      const answer = await send(operation, { ...who, ...origin })
      const said = answer.headers
      if (/^\/(api|admin)\//.test(operation.path)) t.equal(said['cache-control'], 'no-store', operation.name)
      t.equal(said['x-content-type-options'], 'nosniff', operation.name)
      t.notOk(said['x-powered-by'] ?? said.server, operation.name)
      t.notOk(said['access-control-allow-credentials'], operation.name)
    }
    const preflight = await app.inject({ method: 'OPTIONS', url: operation.url, headers: origin })
    t.notOk(preflight.headers['access-control-allow-credentials'], operation.name)
  }
})

t.test('what is not HTTP is refused in a few words', async t => {
  const server = await createApp({ ...house, close: async () => {} })
  await server.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(() => server.close())
  const { port } = server.server.address() as AddressInfo
  const raw = (request: string) =>
    new Promise<string>((resolve, reject) => {
      let answer = ''
      const socket = createConnection(port, '127.0.0.1', () => socket.write(request))
      socket
        .on('data', data => (answer += data))
        .on('close', () => resolve(answer))
        .on('error', reject)
    })
  const line = 'GET /api/user HTTP/1.1\r\nhost: x\r\n'
  const requests: [string, RegExp][] = [
    ['nonsense\r\n\r\n', /^HTTP\/1.1 400/],
    [`${line}a b: c\r\n\r\n`, /^HTTP\/1.1 400/],
    [`${line}authorization: Bearer ${'x'.repeat(40_000)}\r\n\r\n`, /^HTTP\/1.1 431/],
    [`${line}content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n`, /^HTTP\/1.1 400/],
    [
      'POST /api/tokens HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 10000000\r\nconnection: close\r\n\r\n{',
      /^HTTP\/1.1 413/,
    ],
  ]
  for (const [request, status] of requests) {
    const answer = await raw(request)
    t.match(answer, status)
    t.notMatch(answer, /\.ts:|node_modules/)
  }
  t.equal((await asking(app).get('/health/live')).statusCode, 200, 'and the server lives on')
})
