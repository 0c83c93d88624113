import { mock } from 'node:test'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { checkAnyScope, checkScopes, createRemote, guard, requireToken } from '../../../packages/guard/src/index.ts'
import type { HttpClient } from '../../../packages/guard/src/remote/http.ts'
import { createMonitor } from '../../../packages/guard/src/remote/monitor.ts'
import { createUsageReporter } from '../../../packages/guard/src/remote/usage-reporter.ts'
import { actingAs } from '../../helpers/app.ts'
import { type Issuer, listeningIssuer } from '../../helpers/issuer.ts'
import { requester } from '../../helpers/requester.ts'

const API = 'https://orders.example.com'

/** An issuer that listens, and a resource server far from it that tells what tokens are used for. */
async function rig(t: Test) {
  const made = await listeningIssuer(t, { audience: API })
  const { client, secret } = await made.services.clients.create({ name: 'Orders API', audience: API })
  const api = Fastify()
  const credentials = { clientId: client.id, clientSecret: secret as string }
  await api.register(guard, { issuer: made.issuer, audience: API, ...credentials, reportUsage: true })
  api.get('/orders', { preHandler: checkScopes('orders:read') }, async () => ({}))
  api.get('/reports', { preHandler: checkAnyScope('reports', 'reports:export') }, async () => ({}))
  api.get('/me', { preHandler: requireToken() }, async () => ({}))
  t.teardown(() => api.close())
  return { ...made, api }
}

const ask = async (api: FastifyInstance, url: string, token: string) =>
  (await api.inject({ url, headers: { authorization: `Bearer ${token}` } })).statusCode

/** What the owner is shown of a token. */
async function shown(
  { app, services }: Pick<Issuer, 'app' | 'services'>,
  { user, id }: Awaited<ReturnType<typeof actingAs>>,
) {
  const { headers } = await actingAs(services, ['tokens:read'], { user })
  return (await requester(app, headers).get(`/api/tokens/${id}`)).json().data
}

for (const format of ['jwt', 'opaque'] as const) {
  t.test(`the issuer learns when a token was used far away, and what for, ${format}`, async t => {
    const { api, ...issuer } = await rig(t)
    const actor = await actingAs(issuer.services, ['orders:read', 'orders:create', 'reports:export'], { format })
    const start = Date.now()
    t.equal(await ask(api, '/orders', actor.token), 200)
    t.equal(await ask(api, '/orders', actor.token), 200)
    t.equal(await ask(api, '/reports', actor.token), 200)
    await api.close()
    const data = await shown(issuer, actor)
    const at = Date.parse(data.last_used_at)
    t.ok(at >= start - 2_000 && at <= Date.now(), data.last_used_at)
    t.same(data.unused_scopes, ['orders:create'])
    const admin = await actingAs(issuer.services, ['admin:read'], { role: 'admin' })
    const { data: listed } = (
      await requester(issuer.app, admin.headers).get(`/admin/tokens?user_id=${actor.user.id}`)
    ).json()
    t.match(
      listed.find((token: { id: string }) => token.id === actor.id),
      { unused_scopes: ['orders:create'], last_used_at: data.last_used_at },
    )
  })
}

t.test('what opened nothing is no use; a check without scopes is one, of none of them', async t => {
  const { api, ...issuer } = await rig(t)
  const refused = await actingAs(issuer.services, ['reports'])
  t.equal(await ask(api, '/orders', refused.token), 403)
  const plain = await actingAs(issuer.services, ['reports'])
  t.equal(await ask(api, '/me', plain.token), 200)
  await api.close()
  t.match(await shown(issuer, refused), { last_used_at: null, unused_scopes: ['reports'] })
  t.match(await shown(issuer, plain), { last_used_at: /Z$/, unused_scopes: ['reports'] })
})

t.test('an issuer that is away delays and refuses nothing', async t => {
  const { api, app, services } = await rig(t)
  const { token } = await actingAs(services, ['orders:read'])
  t.equal(await ask(api, '/orders', token), 200)
  await app.close()
  t.equal(await ask(api, '/orders', token), 200)
  await api.close()
})

t.test('what could not be told is told with what came since', async t => {
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  const { api, ...issuer } = await rig(t)
  const actor = await actingAs(issuer.services, ['orders:read', 'orders:create', 'reports:export'])
  const usage = `${issuer.issuer}/oauth/usage`
  const sent: { uses: { id: string; scopes: string[] }[] }[] = []
  const failed = Promise.withResolvers<void>()
  const { fetch } = globalThis
  t.teardown(() => Object.assign(globalThis, { fetch }))
  globalThis.fetch = async (url, init) => {
    if (url !== usage) return fetch(url, init)
    sent.push(JSON.parse(String(init?.body)))
    if (sent.length > 1) return fetch(url, init)
    setImmediate(failed.resolve)
    throw new TypeError('fetch failed')
  }
  t.equal(await ask(api, '/orders', actor.token), 200)
  mock.timers.tick(10_000)
  await failed.promise
  t.same((await shown(issuer, actor)).last_used_at, null, 'the first batch did not arrive')
  t.equal(await ask(api, '/reports', actor.token), 200)
  await api.close()
  t.same((await shown(issuer, actor)).unused_scopes, ['orders:create'], 'what both were used for is known')
  t.equal(sent.length, 2)
  t.match(sent[1]?.uses, [{ id: actor.id, scopes: ['orders:read', 'reports:export'] }], 'in one entry')
})

t.test('it needs a client of its own to tell anything', async t => {
  const options = { issuer: 'http://127.0.0.1:1', audience: API, reportUsage: true }
  t.throws(() => createRemote(options), { message: /reportUsage needs clientId and clientSecret/ })
})

t.test('one token that is used for more than a report takes keeps no other from being told', async t => {
  const made = await listeningIssuer(t, { audience: API })
  const { client, secret } = await made.services.clients.create({ name: 'Orders API', audience: API })
  const credentials = { clientId: client.id, clientSecret: secret as string }
  const api = Fastify()
  await api.register(guard, { issuer: made.issuer, audience: API, ...credentials, reportUsage: true })
  api.get('/orders', { preHandler: checkScopes('orders:read') }, async () => ({}))
  const many = Array.from({ length: 150 }, (_, i) => `thing${i}:read`) as [string, ...string[]]
  api.get('/things', { preHandler: checkScopes(...many) }, async () => ({}))
  const greedy = await actingAs(made.services, ['*'])
  const other = await actingAs(made.services, ['orders:read'])
  t.equal(await ask(api, '/things', greedy.token), 200)
  t.equal(await ask(api, '/orders', other.token), 200)
  await api.close()
  t.match(await shown(made, other), { last_used_at: /Z$/, unused_scopes: [] })
  t.match(await shown(made, greedy), { last_used_at: /Z$/ })
})

t.test('a report grows no larger than the issuer takes; the rest follows', async t => {
  const sent: { uses: { id: string; scopes: string[] }[] }[] = []
  const http = {
    async postJson(_: string, body: object) {
      sent.push(body as (typeof sent)[number])
      return { status: 204, text: '', askedAt: 0 }
    },
  } as unknown as HttpClient
  const credentials = { clientId: 'x', clientSecret: 'x' }
  const report = createUsageReporter({
    url: async () => 'https://id.example.com/usage',
    http,
    credentials,
    monitor: createMonitor(() => {}),
  })
  const scopes = Array.from({ length: 50 }, (_, i) => `a-scope-with-a-long-name-${i}`)
  for (let i = 0; i < 1_000; i++) report.add(`token${i}`, Date.now(), scopes)
  await report.close()
  t.ok(sent.length > 1)
  for (const body of sent) t.ok(JSON.stringify(body).length <= 524_288, `${JSON.stringify(body).length} bytes`)
  t.equal(new Set(sent.flatMap(({ uses }) => uses.map(({ id }) => id))).size, 1_000)
})
