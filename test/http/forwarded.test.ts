import Fastify from 'fastify'
import type { PosternOptions } from 'postern'
import t from 'tap'
import { PASSWORD, testApp } from '../helpers/app.ts'
import { embedded } from '../helpers/embedding.ts'

const LIMIT = 50

/** Signs in with a wrong password, each time as somebody else. */
function attempts(app: Awaited<ReturnType<typeof testApp>>['app']) {
  let people = 0
  return async (forwarded: string) => {
    const payload = { email: `nobody${++people}@example.com`, password: `${PASSWORD}!`, device_name: 'x' }
    const headers = { 'x-forwarded-for': forwarded }
    return (await app.inject({ method: 'POST', url: '/api/tokens', payload, headers })).statusCode
  }
}

const behindProxy = { trustProxy: '127.0.0.1' }

t.test('a port in X-Forwarded-For makes no other address', async t => {
  const { app } = await testApp(t, behindProxy)
  const attempt = attempts(app)
  for (let port = 1; port <= LIMIT; port++) t.equal(await attempt(`203.0.113.7:${40_000 + port}`), 401)
  for (const same of [
    '203.0.113.7',
    '203.0.113.7:1',
    '::ffff:203.0.113.7',
    '[::ffff:cb00:7107]:9',
    'junk, 203.0.113.7',
  ]) {
    t.equal(await attempt(same), 429, same)
  }
  t.equal(await attempt('203.0.113.8'), 401, 'a neighbour is somebody else')
})

t.test('an IPv6 network is one address, with brackets, ports and zones', async t => {
  const { app } = await testApp(t, behindProxy)
  const attempt = attempts(app)
  for (let i = 1; i <= LIMIT; i++) t.equal(await attempt(`[2001:db8::${i.toString(16)}]:${1000 + i}`), 401)
  for (const same of ['2001:db8::abcd', '[2001:db8:0:0:1::]', '2001:db8::1%eth0'])
    t.equal(await attempt(same), 429, same)
  t.equal(await attempt('2001:db8:0:1::1'), 401, 'another network')
})

t.test('what is no address is no failure of ours', async t => {
  const { app, services } = await testApp(t, behindProxy)
  const user = await services.users.create({ email: 'ada@example.com', name: 'Ada', password: PASSWORD })
  for (const odd of [
    'x'.repeat(65),
    '1'.repeat(5_000),
    'unknown',
    '_hidden',
    '',
    ',,',
    `fe80::1%${'z'.repeat(99)}`,
    '[::1',
    '1.2.3.4:x',
  ]) {
    const payload = { email: user.email, password: PASSWORD, device_name: 'x' }
    const headers = { 'x-forwarded-for': odd }
    const answer = await app.inject({ method: 'POST', url: '/api/tokens', payload, headers })
    t.equal(answer.statusCode, 201, odd.slice(0, 40))
  }
})

async function warnings(options: PosternOptions, headers: Record<string, string>): Promise<string[]> {
  const lines: string[] = []
  const postern = await embedded(t, { issuer: 'http://localhost:3000/auth', ...options })
  const app = Fastify({ logger: { level: 'warn', stream: { write: (line: string) => void lines.push(line) } } })
  t.teardown(() => app.close())
  await app.register(postern.plugin, { prefix: '/auth' })
  for (let i = 0; i < 3; i++) await app.inject({ url: '/auth/health/live', headers })
  return lines
}

t.test('forwarded headers that nobody trusts are warned of once', async t => {
  t.match(await oneWarning({}, { 'x-forwarded-for': '203.0.113.7' }), /TRUST_PROXY/)
  t.match(await oneWarning({}, { forwarded: 'for=203.0.113.7' }), /TRUST_PROXY/)
  t.match(await oneWarning({ trustProxy: '10.0.0.0/8' }, { 'x-forwarded-for': '203.0.113.7' }), /TRUST_PROXY/)
  t.equal(await oneWarning(behindProxy, { 'x-forwarded-for': '203.0.113.7' }), undefined)
  t.equal(await oneWarning({}, {}), undefined)
})

async function oneWarning(options: PosternOptions, headers: Record<string, string>): Promise<string | undefined> {
  const lines = await warnings(options, headers)
  t.ok(lines.length <= 1)
  return lines[0]
}

t.test('behind a proxy that nobody named, failures of others lock nobody out', async t => {
  const { app, services } = await testApp(t)
  const user = await services.users.create({ email: 'ada@example.com', name: 'Ada', password: PASSWORD })
  const attempt = attempts(app)
  for (let i = 0; i <= LIMIT; i++) t.equal(await attempt('203.0.113.7'), 401)
  const payload = { email: user.email, password: PASSWORD, device_name: 'x' }
  const from = (remoteAddress: string, headers: object) =>
    app.inject({ method: 'POST', url: '/api/tokens', payload, remoteAddress, headers: { ...headers } })
  t.equal((await from('127.0.0.1', { 'x-forwarded-for': '203.0.113.8' })).statusCode, 201)
})

t.test('a client that pretends to be a proxy gains nothing', async t => {
  const { app } = await testApp(t)
  let people = 0
  const attempt = async (remoteAddress: string, forwarded: string | undefined) => {
    const payload = { email: `someone${++people}@example.com`, password: `${PASSWORD}!`, device_name: 'x' }
    const headers = { ...(forwarded && { 'x-forwarded-for': forwarded }) }
    return (await app.inject({ method: 'POST', url: '/api/tokens', payload, headers, remoteAddress })).statusCode
  }
  for (let i = 0; i < LIMIT; i++) t.equal(await attempt('198.51.100.7', `203.0.113.${i}`), 401)
  t.equal(await attempt('198.51.100.7', '203.0.113.7'), 429, 'on a public address, headers mean nothing')
  for (let i = 0; i < LIMIT; i++) t.equal(await attempt('10.1.2.3', undefined), 401)
  t.equal(await attempt('10.1.2.3', '203.0.113.7'), 429, 'on a private one, they reset no limit')
})
