import Fastify from 'fastify'
import {
  createLocalJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWK,
  type JWTPayload,
  jwtVerify,
  SignJWT,
} from 'jose'
import t, { type Test } from 'tap'
import { checkScopes, guard, tokenOf } from '../../packages/guard/src/index.ts'
import { createApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config/config.ts'
import { createKeyWrapper } from '../../src/keys/key-wrapper.ts'
import { openDatabase } from '../../src/open-database.ts'
import { createKeyRing } from '../../src/security/key-ring.ts'
import { createServices } from '../../src/services.ts'
import { APP_KEY, actingAs, CATALOGUE, newUser, type TestApp, testApp } from '../helpers/app.ts'
import { SERVER, testDatabase } from '../helpers/database.ts'
import { basic, form } from '../helpers/oauth.ts'
import { freePort } from '../helpers/port.ts'
import { bearer, requester } from '../helpers/requester.ts'

const API = 'https://orders.example.com'

/** Two nodes that hear each other, or one twice on the embedded database; the first listens under the issuer's name. */
async function nodes(t: Test): Promise<readonly [TestApp, TestApp]> {
  const { databaseUrl, ...where } = await testDatabase(t)
  const port = await freePort()
  const issuer = `http://127.0.0.1:${port}`
  const config = {
    ...loadConfig({ APP_KEY, ISSUER: issuer, LOG_LEVEL: 'silent' }),
    statusListTtl: 1,
    listenUrl: databaseUrl,
  }
  const node = async (): Promise<TestApp> => {
    const services = await createServices({
      config,
      catalogue: CATALOGUE,
      db: await openDatabase({ ...where, databaseUrl }),
    })
    t.teardown(() => services.close())
    await services.ensure()
    services.listen()
    return { services, app: await createApp(services) }
  }
  const first = await node()
  await first.app.listen({ port, host: '127.0.0.1' })
  t.teardown(() => first.app.close())
  return [first, SERVER ? await node() : first]
}

/** @param audience given: it has a client of its own, and follows the feed */
async function resourceServer(t: Test, { services }: TestApp, audience?: string) {
  const { client, secret } = await services.clients.create({ name: 'Orders API', ...(audience && { audience }) })
  const api = Fastify()
  const credentials = audience ? { clientId: client.id, clientSecret: secret as string } : {}
  await api.register(guard, { issuer: services.config.issuer, audience: audience ?? API, ...credentials })
  api.get('/orders', { preHandler: checkScopes('orders:read') }, async request => ({ id: tokenOf(request).id }))
  t.teardown(() => api.close())
  const ask = async (token: string) => (await api.inject({ url: '/orders', headers: bearer(token) })).statusCode
  const introspect = async ({ app }: TestApp, token: string) =>
    (await form(app, '/oauth/introspect', { token }, basic(client.id, secret))).json()
  return { ask, introspect }
}

const kidOf = (token: string) => decodeProtectedHeader(token).kid as string
const opens = async ({ app }: TestApp, token: string) =>
  (await requester(app, bearer(token)).get('/api/user')).statusCode === 200
const jwks = async ({ app }: TestApp): Promise<{ keys: JWK[] }> =>
  (await requester(app).get('/.well-known/jwks.json')).json()
const until = async (holds: () => Promise<boolean>) => {
  while (!(await holds())) await new Promise(resolve => setTimeout(resolve, 10))
}

/** Signs what whoever has the private key would. */
async function forge({ services }: TestApp, kid: string, claims: JWTPayload): Promise<string> {
  const row = (await services.keys.list()).find(({ id }) => id === kid)
  const sealed = await createKeyWrapper(createKeyRing(APP_KEY)).unwrapKey(row?.privateKey as string, kid)
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'ES256', kid, typ: 'at+jwt' })
    .sign(await importJWK(sealed, 'ES256'))
}

t.test(
  'tokens of a revoked key are rejected by every node and guard, and the next key becomes active immediately',
  async t => {
    const [a, b] = await nodes(t)
    const admin = await actingAs(a.services, ['admin:read', 'admin:write'], { role: 'admin', format: 'opaque' })
    const followed = await resourceServer(t, a, API)
    const alone = await resourceServer(t, a)
    const { user, id, token } = await actingAs(a.services, ['orders:read'])
    const opaque = await actingAs(a.services, ['orders:read'], { user, format: 'opaque' })
    const kid = kidOf(token)
    // The row of this one is never revoked: the key alone has to refuse it.
    const forged = await forge(a, kid, { ...decodeJwt(token), scope: 'orders:read reports', jti: opaque.id })
    for (const one of [token, forged]) {
      t.ok((await opens(a, one)) && (await opens(b, one)), 'both nodes remember it')
      t.equal(await followed.ask(one), 200)
      t.equal(await alone.ask(one), 200)
      t.match(await followed.introspect(a, one), { active: true })
      t.match(await followed.introspect(b, one), { active: true })
    }
    const before = await jwks(a)

    const revoked = await requester(b.app, admin.headers).post(`/admin/keys/${kid}/revoke`)
    t.equal(revoked.statusCode, 200, revoked.body)
    t.match(revoked.json(), {
      data: { id: kid, state: 'past', revoked_at: /Z$/ },
      tokens: { revoked: 1, complete: true },
    })

    for (const one of [token, forged]) {
      t.notOk(await opens(b, one), 'at once where it was revoked')
      await until(async () => !(await opens(a, one)))
      t.same(await followed.introspect(a, one), { active: false })
      t.same(await followed.introspect(b, one), { active: false })
      await until(async () => (await followed.ask(one)) === 401)
    }
    for (const node of [a, b])
      t.notOk(
        (await jwks(node)).keys.some(key => key.kid === kid),
        'out of the JWK Set',
      )
    // The next status list is signed by a key that it has not seen, and so it loads the keys.
    for (const one of [token, forged]) await until(async () => (await alone.ask(one)) === 401)

    const fresh = await Promise.all(
      [a, b].map(async ({ services }) => (await actingAs(services, ['orders:read'])).token),
    )
    for (const one of fresh) {
      t.not(kidOf(one), kid)
      t.ok(
        before.keys.some(key => key.kid === kidOf(one)),
        'the key that waited was published before',
      )
      t.equal(await followed.ask(one), 200, 'without waiting')
    }
    const listed = await requester(a.app, admin.headers).get(`/admin/tokens?key_id=${kid}&state=all`)
    t.match(listed.json().data, [{ id, revoked: true }])
    const { data } = (await requester(a.app, admin.headers).get('/admin/audit?kind=key.revoked')).json()
    t.match(data, [{ actor_user_id: admin.user.id, details: { key: kid, state: 'current' } }])
    t.equal(await followed.ask(opaque.token), 200, 'what was not signed lives on')

    t.test('a guard that starts later does not trust a revoked key from a cache', async t => {
      const late = await resourceServer(t, a, 'https://late.example.com')
      t.equal(await late.ask(forged), 401)
      t.equal(await late.ask(fresh[0] as string), 200)
    })
  },
)

t.test('status lists are signed again', async t => {
  const [a] = await nodes(t)
  const { token } = await actingAs(a.services)
  const { uri } = (decodeJwt(token).status as { status_list: { uri: string } }).status_list
  const list = async () => (await requester(a.app).get(new URL(uri).pathname)).body
  t.equal(kidOf(await list()), kidOf(token))
  await a.services.keys.revoke(kidOf(token))
  await t.resolves(jwtVerify(await list(), createLocalJWKSet(await jwks(a))))
})

t.test('next and past keys can be revoked; an unknown key is not found', async t => {
  const world = await testApp(t)
  const admin = await actingAs(world.services, ['admin:read', 'admin:write'], { role: 'admin', format: 'opaque' })
  const ask = requester(world.app, admin.headers)
  const old = await actingAs(world.services)
  await world.services.keys.rotate(undefined, { now: true })
  const young = await actingAs(world.services)
  t.equal((await ask.post(`/admin/keys/${kidOf(old.token)}/revoke`)).json().tokens.revoked, 1)
  t.notOk(await opens(world, old.token))
  t.ok(await opens(world, young.token), 'what the next one signed lives on')
  const next = (await world.services.keys.list()).find(key => key.state === 'next')?.id as string
  t.match((await ask.post(`/admin/keys/${next}/revoke`)).json(), { data: { signs_from: null }, tokens: { revoked: 0 } })
  t.notOk((await jwks(world)).keys.some(key => key.kid === next))
  t.equal((await jwks(world)).keys.length, 2, 'another waits in its place')
  t.same((await ask.get(`/admin/tokens?key_id=${next}&state=all`)).json().data, [])
  for (const kid of ['00000000-0000-7000-8000-000000000000']) {
    t.equal((await ask.post(`/admin/keys/${kid}/revoke`)).statusCode, 404)
    t.equal((await ask.get(`/admin/tokens?key_id=${kid}`)).statusCode, 422)
  }
  const reader = await actingAs(world.services, ['admin:read'], { role: 'admin', format: 'opaque' })
  const refused = await requester(world.app, reader.headers).post(`/admin/keys/${next}/revoke`)
  t.equal(refused.statusCode, 403)
})

t.test('a public key that an attacker wrote into the table is neither published nor trusted', async t => {
  const errors: string[] = []
  const log = { warn() {}, error: (_: object, message: string) => void errors.push(message) }
  const world = await testApp(t, { log })
  const { services } = world
  const { token } = await actingAs(services)
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const own = await exportJWK(publicKey)
  const [row] = (await services.keys.list()).filter(key => key.state === 'current')
  const planted = '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a13'
  const sign = (kid: string) =>
    new SignJWT(decodeJwt(token)).setProtectedHeader({ alg: 'ES256', kid, typ: 'at+jwt' }).sign(privateKey)
  const ways: [string, string, unknown[]][] = [
    [
      'a row of its own',
      `insert into oauth_signing_keys (id, algorithm, state, public_key, private_key, created_at, activated_at, retired_at)
       values (?, 'ES256', 'past', ?::jsonb, ?, now(), now(), now())`,
      [planted, JSON.stringify({ ...own, kid: planted, alg: 'ES256', use: 'sig' }), row?.privateKey],
    ],
    [
      'in the place of another',
      'update oauth_signing_keys set public_key = ?::jsonb where id = ?',
      [JSON.stringify({ ...own, kid: row?.id, alg: 'ES256', use: 'sig' }), row?.id],
    ],
  ]
  for (const [way, sql, values] of ways) {
    await services.db.query(sql, values)
    const named = way === 'a row of its own' ? planted : (row?.id as string)
    await t.rejects(services.keys.load(), { name: 'StartupError', message: new RegExp(named) }, way)
    t.match(errors.at(-1), named, 'logged')
    t.notOk(
      (await jwks(world)).keys.some(key => key.x === own.x),
      'not published',
    )
    t.notOk(await opens(world, await sign(named)), 'not trusted')
    await services.keys.revoke(named)
    await t.resolves(services.keys.load())
  }
  t.ok(
    await opens(world, (await actingAs(services, [], { user: await newUser(services) })).token),
    'the next key signs',
  )
})
