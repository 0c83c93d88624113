import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { newUser, PASSWORD, type TestApp, testApp } from '../helpers/app.ts'
import { HAS_REDIS, openRedis } from '../helpers/redis.ts'
import { openTcpProxy, type TcpProxy } from '../helpers/tcp-proxy.ts'

/** Limits that nodes share by a Redis, and what becomes of them when it is not there. */

const NEEDS_REDIS = { skip: !HAS_REDIS && 'needs a redis-server' }
const PER_USER = 10

async function openNodes(t: Test): Promise<{ here: TestApp; there: TestApp; proxy: TcpProxy }> {
  const proxy = await openTcpProxy(t, await openRedis(t))
  const [here, there] = await Promise.all([1, 2].map(() => testApp(t, { redisUrl: proxy.url })))
  return { here, there, proxy } as { here: TestApp; there: TestApp; proxy: TcpProxy }
}

const addresses = new Map<string, string>()
/** Each user from an address of their own. */
const addressOf = (email: string) => {
  const address = addresses.get(email) ?? `192.0.2.${addresses.size + 1}`
  addresses.set(email, address)
  return address
}
const signIn = async (app: FastifyInstance, email: string, password: string) => {
  const payload = { email, password, device_name: 'x' }
  const remoteAddress = addressOf(email)
  return (await app.inject({ method: 'POST', url: '/api/tokens', remoteAddress, payload })).statusCode
}

const guess = async (app: FastifyInstance, email: string) => {
  for (let i = 0; i < PER_USER; i++) await signIn(app, email, 'wrong password')
}

/** Of two at once, one is refused while the other is delayed. */
async function isDelayed(app: FastifyInstance, email: string, password: string): Promise<boolean> {
  const statuses = await Promise.all([signIn(app, email, password), signIn(app, email, password)])
  return statuses.includes(429)
}

/** Each counts by itself until its Redis has answered, so a few may be guessed at before. */
async function shared(here: TestApp, there: TestApp): Promise<boolean> {
  for (let someone = 0; someone < 5; someone++) {
    const email = `someone${someone}@example.com`
    await guess(here.app, email)
    if (await isDelayed(there.app, email, 'wrong password')) return true
  }
  return false
}

t.test('whoever guessed at one node has guessed at all of them', NEEDS_REDIS, async t => {
  const { here, there } = await openNodes(t)
  t.ok(await shared(here, there), 'they share what they count')
  const { email } = await newUser(there.services)
  await guess(here.app, email)
  t.ok(await isDelayed(there.app, email, 'wrong password'))
  t.equal(await signIn(there.app, email, PASSWORD), 201, 'the right password is let in')
  t.notOk(await isDelayed(here.app, email, 'wrong password'), 'which both forget the failures for')
})

t.test('right passwords at once at several nodes are no failures', NEEDS_REDIS, async t => {
  const { here, there } = await openNodes(t)
  t.ok(await shared(here, there), 'they share what they count')
  const { email } = await newUser(here.services)
  const user = await newUser(there.services, 'user', email).catch(() => undefined)
  t.ok(user === undefined || user.email === email)
  const both = Array.from({ length: 40 }, (_, i) => signIn((i % 2 ? here : there).app, email, PASSWORD))
  t.strictSame(new Set(await Promise.all(both)), new Set([201]))
  const wrong = Array.from({ length: 30 }, (_, i) => signIn((i % 2 ? here : there).app, email, 'wrong password'))
  t.equal((await Promise.all(wrong)).filter(status => status === 401).length, PER_USER + 2, 'each delays one')
})

t.test('an unlock forgets what Redis counts', NEEDS_REDIS, async t => {
  const { here, there } = await openNodes(t)
  t.ok(await shared(here, there), 'they share what they count')
  const { id, email } = await newUser(here.services)
  await guess(here.app, email)
  t.ok(await isDelayed(here.app, email, 'wrong password'))
  await here.services.users.unlock(id)
  t.notOk(await isDelayed(here.app, email, 'wrong password'))
})

const GONE: [what: string, go: (proxy: TcpProxy) => void][] = [
  ['is away', proxy => proxy.cut()],
  ['says nothing any more', proxy => proxy.block()],
]

for (const [what, go] of GONE) {
  t.test(`a Redis that ${what} keeps nobody from signing in, and lets nobody guess`, NEEDS_REDIS, async t => {
    const { here, proxy } = await openNodes(t)
    const { email } = await newUser(here.services)
    t.equal(await signIn(here.app, email, PASSWORD), 201)
    go(proxy)
    t.equal(await signIn(here.app, email, PASSWORD), 201)
    await guess(here.app, email)
    t.ok(await isDelayed(here.app, email, PASSWORD))
  })
}
