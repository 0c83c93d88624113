import { once } from 'node:events'
import { request as ask, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createRemote, type RemoteOptions, type Token } from '../../packages/guard/src/index.ts'
import { createTestIssuer } from '../../packages/guard/src/testing/index.ts'

type Way = 'through' | 'hang' | number

/** The test issuer behind a front that delays, hangs or answers a status in its place, by path. */
async function rig(t: Test) {
  const issuer = await createTestIssuer()
  const ways = new Map<string, Way>()
  const delays = new Map<string, number>()
  const asked: string[] = []
  const front = createServer(async (request, response) => {
    const path = String(request.url)
    asked.push(path)
    const way = ways.get(path) ?? ways.get('*') ?? 'through'
    if (delays.has(path)) await pause(delays.get(path))
    if (way === 'hang') return
    if (typeof way === 'number') return response.writeHead(way).end('{}')
    const { method, headers } = request
    const onward = ask(`${issuer.url}${path}`, { method, headers, agent: false }, answer => {
      response.writeHead(answer.statusCode as number, answer.headers)
      answer.pipe(response)
    })
    response.on('close', () => onward.destroy())
    onward.on('error', () => response.destroy())
    request.pipe(onward)
  })
  front.listen(0, '127.0.0.1')
  await once(front, 'listening')
  const url = `http://127.0.0.1:${(front.address() as AddressInfo).port}`
  // Names stay those of the issuer: the guard reaches it by a fetch that goes to the front.
  const { fetch: original } = globalThis
  t.teardown(async () => {
    globalThis.fetch = original
    front.close().closeAllConnections()
    await issuer.close()
  })
  globalThis.fetch = (input, init) => original(String(input).replace(issuer.url, url), init)
  const guard = (options: Partial<RemoteOptions> = {}, onRefused?: (error: Error) => void) => {
    const { clientId: _, clientSecret: __, ...lists } = issuer.guard
    const remote = createRemote({ ...lists, ...options }, onRefused)
    t.teardown(() => remote.close())
    return remote
  }
  return { issuer, ways, delays, asked, guard }
}

const JWKS = '/.well-known/jwks.json'
const statusOf = async (work: () => unknown) => {
  try {
    await work()
    return 200
  } catch (error) {
    return (error as { status?: number }).status
  }
}
const forge = (token: string) => {
  const [, payload, signature] = token.split('.')
  const header = Buffer.from(JSON.stringify({ alg: 'ES256', typ: 'at+jwt', kid: 'forged' })).toString('base64url')
  return [header, payload, signature].join('.')
}

t.test('while keys are fetched good tokens wait for one load and are let in', async t => {
  const { issuer, delays, asked, guard } = await rig(t)
  delays.set(JWKS, 300)
  const remote = guard()
  const forged = forge(await issuer.token())
  const first = statusOf(() => remote.authenticate(forged))
  const tokens = await Promise.all(Array.from({ length: 20 }, () => issuer.token()))
  const answers = await Promise.all(tokens.map(token => statusOf(() => remote.authenticate(token))))
  t.same(new Set(answers), new Set([200]))
  t.equal(asked.filter(path => path === JWKS).length, 1, 'one load for all')
  t.equal(await first, 401, 'looked for once more, and not there')
})

t.test('nobody can say while the keys cannot be had: 503, for a forged kid too', async t => {
  const { issuer, ways, guard } = await rig(t)
  const token = await issuer.token()
  ways.set(JWKS, 500)
  const remote = guard()
  t.equal(await statusOf(() => remote.authenticate(token)), 503)
  t.equal(await statusOf(() => remote.authenticate(forge(token))), 503)
  ways.clear()
  while ((await statusOf(() => remote.authenticate(token))) !== 200) await pause(20)
  ways.set(JWKS, 500)
  t.equal(await statusOf(() => remote.authenticate(forge(token))), 503)
  t.equal(await statusOf(() => remote.authenticate(token)), 200, 'a key that is held is held')
})

t.test('an issuer that hangs delays one check and refuses none within maxStalenessSeconds', async t => {
  const { issuer, ways, guard } = await rig(t)
  const remote = guard()
  const token = await issuer.token()
  await remote.authenticate(token)
  ways.set('*', 'hang')
  for (let i = 0; i < 4; i++) {
    const began = performance.now()
    t.equal(await statusOf(() => remote.authenticate(token)), 200)
    t.ok(performance.now() - began < 3_000, 'no check waits for the time limit of a request')
  }
})

t.test('a refusal that waiting will not mend is said once, and shown', async t => {
  const { issuer, guard } = await rig(t)
  const errors: Error[] = []
  const wrong = guard({ clientId: 'resource-server', clientSecret: 'wrong' }, error => errors.push(error))
  await t.rejects(wrong.ready(), { message: /resource-server.*401.*clientSecret/ })
  await t.rejects(wrong.ready(), { message: /clientSecret/ }, 'and again')
  t.equal(errors.length, 1)
  t.match(wrong.health(), { status: 'failed', feed: 'lost', problems: [/clientSecret/] })
  t.equal(await statusOf(async () => wrong.authenticate('opaque')), 503, 'an opaque token cannot be asked about')
  t.equal(errors.length, 1, 'one wrong secret is one error')
  const other = guard({ issuer: `${issuer.url}/elsewhere` }, error => errors.push(error))
  await t.rejects(other.ready(), { message: /404.*issuer/ })
  t.equal(other.health().status, 'failed')
  const right = guard(issuer.guard)
  await right.ready()
  t.same(right.health(), { status: 'ok', keys: true, feed: 'live', stale: false, problems: [] })
})

t.test('an answer that is no JSON is no 500', async t => {
  const { issuer, ways, guard } = await rig(t)
  const remote = guard(issuer.guard)
  await remote.ready()
  ways.set('/oauth/introspect', 200)
  t.equal(await statusOf(async () => remote.authenticate('opaque')), 503)
})

t.test('a stream hears when its token ends, once, and not when nothing happened to it', async t => {
  const { issuer, guard } = await rig(t)
  const remote = guard(issuer.guard)
  await remote.ready()
  const ended = (token: Token) => new Promise<Error>(resolve => token.onEnd(resolve))
  const [revoked, expiring, stays] = [
    await issuer.token(),
    await issuer.token({ expiresInSeconds: 2 }),
    await issuer.token(),
  ]
  let spared = true
  void ended(await remote.authenticate(stays)).then(() => {
    spared = false
  })
  const ends = [ended(await remote.authenticate(revoked)), ended(await remote.authenticate(expiring))]
  issuer.revoke(revoked)
  t.match(await ends[0], { status: 401, message: /revoked/ })
  t.match(await ends[1], { status: 401, message: /expired/ })
  t.ok(spared)
})
