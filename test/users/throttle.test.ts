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

let addresses = 0
const signIn = async (app: FastifyInstance, email: string, password: string) => {
  const payload = { email, password, device_name: 'x' }
  const remoteAddress = `192.0.2.${++addresses}`
  return (await app.inject({ method: 'POST', url: '/api/tokens', remoteAddress, payload })).statusCode
}

/** One after another, until it is refused to try. @returns how many were let through */
async function triesUntilRefused(app: FastifyInstance, email: string): Promise<number> {
  let tries = 0
  while (tries <= PER_USER && (await signIn(app, email, 'wrong password')) === 401) tries++
  return tries
}

/** Each counts by itself until its Redis has answered, so a few may be guessed at before. */
async function shared(here: TestApp, there: TestApp): Promise<boolean> {
  for (let someone = 0; someone < 5; someone++) {
    const email = `someone${someone}@example.com`
    await triesUntilRefused(here.app, email)
    if ((await signIn(there.app, email, PASSWORD)) === 429) return true
  }
  return false
}

t.test('whoever guessed at one node has guessed at all of them', NEEDS_REDIS, async t => {
  const { here, there } = await openNodes(t)
  t.ok(await shared(here, there), 'they share what they count')
  const { email } = await newUser(there.services)
  t.equal(await triesUntilRefused(here.app, email), PER_USER)
  t.equal(await signIn(there.app, email, PASSWORD), 429, 'even with the right password')
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
  t.equal((await Promise.all(wrong)).filter(status => status === 401).length, PER_USER)
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
    t.equal(await triesUntilRefused(here.app, email), PER_USER)
    t.equal(await signIn(here.app, email, PASSWORD), 429)
  })
}
