import { getListFromStatusListJWT } from '@sd-jwt/jwt-status-list'
import Fastify, { type FastifyInstance } from 'fastify'
import { decodeJwt } from 'jose'
import * as oauth from 'oauth4webapi'
import { checkScopes, createRemote, guard, type RemoteOptions, tokenOf } from 'postern/guard'
import { createTestIssuer, type TestIssuer } from 'postern/testing'
import t, { type Test } from 'tap'
import { basic } from '../helpers/oauth.ts'
import { bearer } from '../helpers/requester.ts'

async function issuerFor(t: Test, options = {}): Promise<TestIssuer> {
  const issuer = await createTestIssuer(options)
  t.teardown(() => issuer.close())
  return issuer
}

/** A resource server as it runs everywhere. */
async function api(t: Test, options: RemoteOptions): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(guard, options)
  app.get('/orders', { preHandler: checkScopes('orders:read') }, async request => {
    const token = tokenOf(request)
    return {
      user: token.userId,
      client: token.clientId,
    }
  })
  t.teardown(() => app.close())
  return app
}

const asks = (app: FastifyInstance) => async (token: string) =>
  (await app.inject({ url: '/orders', headers: bearer(token) })).statusCode

for (const followed of [true, false]) {
  t.test(
    `what becomes of a token is obeyed by the next request, ${followed ? 'with' : 'without'} a client`,
    async t => {
      const issuer = await issuerFor(t)
      const { clientId, clientSecret, ...alone } = issuer.guard
      const ask = asks(await api(t, followed ? { ...alone, clientId, clientSecret } : alone))
      const token = await issuer.token({ user: 'ada', scopes: ['orders:read'] })
      const other = await issuer.token({ user: 'ada', scopes: ['orders:read'] })
      t.equal(await ask(token), 200)
      for (let i = 0; i < 20; i++) {
        issuer.suspend(token)
        t.equal(await ask(token), 401)
        issuer.restore(token)
        t.equal(await ask(token), 200)
      }
      issuer.revoke(token)
      t.equal(await ask(token), 401)
      t.equal(await ask(other), 200)
    },
  )
}

t.test('also for a request that begins while another one still waits for the list', async t => {
  const issuer = await issuerFor(t)
  const ask = asks(await api(t, issuer.guard))
  const token = await issuer.token({ scopes: ['orders:read'] })
  for (let turns = 0; turns < 40; turns++) {
    issuer.restore(token)
    t.equal(await ask(token), 200)
    const early = ask(token)
    // The first one gets further each time: to the network, to the issuer, and back.
    for (let i = 0; i < turns; i++) await new Promise(setImmediate)
    issuer.revoke(token)
    t.equal(await ask(token), 401, `after ${turns} turns`)
    await early
  }
})

t.test('tokens of users and of machines, too little, too late and for another', async t => {
  const issuer = await issuerFor(t, { audience: 'https://orders.example.com' })
  const app = await api(t, { ...issuer.guard, audience: 'https://orders.example.com' })
  const send = async (of: Parameters<TestIssuer['token']>[0]) =>
    app.inject({ url: '/orders', headers: bearer(await issuer.token(of)) })
  const scopes = ['orders:read']
  t.strictSame((await send({ user: 'ada', client: 'web', scopes })).json(), { user: 'ada', client: 'web' })
  t.strictSame((await send({ client: 'nightly', scopes })).json(), { user: null, client: 'nightly' })
  t.equal((await send({ user: 'ada' })).statusCode, 403)
  t.equal((await send({ scopes, expiresInSeconds: -1 })).statusCode, 401)
  t.equal((await send({ scopes, audience: 'https://elsewhere.example.com' })).statusCode, 401)
})

t.test('an issuer knows its own tokens only', async t => {
  const [one, other] = [await issuerFor(t), await issuerFor(t)]
  const ask = asks(await api(t, one.guard))
  const token = await other.token({ scopes: ['orders:read'] })
  t.equal(await ask(token), 401)
  t.throws(() => one.revoke(token), /issued by another issuer/)
})

t.test('a client that nobody here wrote discovers and introspects', async t => {
  const issuer = await issuerFor(t)
  const { clientId, clientSecret } = issuer.guard
  const allow = { [oauth.allowInsecureRequests]: true }
  const found = await oauth.discoveryRequest(new URL(issuer.url), { algorithm: 'oauth2', ...allow })
  const server = await oauth.processDiscoveryResponse(new URL(issuer.url), found)
  const introspect = async (token: string) => {
    const client = { client_id: clientId }
    const auth = oauth.ClientSecretBasic(clientSecret)
    const answer = await oauth.introspectionRequest(server, client, auth, token, allow)
    return oauth.processIntrospectionResponse(server, client, answer)
  }
  const token = await issuer.token({ user: 'ada', scopes: ['a', 'b'] })
  t.match(await introspect(token), { active: true, sub: 'ada', scope: 'a b', iss: issuer.url })
  issuer.suspend(token)
  t.same(await introspect(token), { active: false })
  t.same(await introspect('nonsense'), { active: false })
  t.same(await introspect(await issuer.token({ expiresInSeconds: -1 })), { active: false })
  await t.rejects(issuer.token({ expiresIn: 60 } as object), { name: 'TypeError', message: /expiresInSeconds/ })
  const headers = basic(clientId, 'wrong')
  t.equal((await fetch(`${issuer.url}/oauth/introspect`, { method: 'POST', headers })).status, 401)
  t.equal((await fetch(`${issuer.url}/oauth/events`, { headers })).status, 401)
})

t.test('its lists are what others read, and fill one after the other', async t => {
  const issuer = await issuerFor(t)
  const tokens = await Promise.all(Array.from({ length: 4_097 }, () => issuer.token()))
  const last = tokens.at(-1) as string
  issuer.revoke(last)
  const { status_lists: uris } = (await (await fetch(`${issuer.url}/oauth/status-lists`)).json()) as {
    status_lists: string[]
  }
  t.equal(uris.length, 2)
  const { status } = decodeJwt(last) as { status: { status_list: { idx: number; uri: string } } }
  t.equal(status.status_list.uri, uris[1])
  const list = getListFromStatusListJWT(await (await fetch(status.status_list.uri)).text())
  t.equal(list.getStatus(status.status_list.idx), 1)
  t.equal((await fetch(`${issuer.url}/oauth/status-lists/3`)).status, 404)
  t.equal((await fetch(`${issuer.url}/nowhere`)).status, 404)
})

t.test('its feed tells what changed', async t => {
  const issuer = await issuerFor(t)
  const remote = createRemote(issuer.guard)
  t.teardown(() => remote.close())
  await remote.ready()
  t.equal(remote.position, 0)
  issuer.revoke(await issuer.token())
  while (remote.position !== 1) await new Promise(setImmediate)
  t.equal(remote.position, 1)
})

t.test('not in production', async t => {
  const { NODE_ENV } = process.env
  t.teardown(() => {
    if (NODE_ENV === undefined) delete process.env.NODE_ENV
    else process.env.NODE_ENV = NODE_ENV
  })
  process.env.NODE_ENV = 'production'
  await t.rejects(createTestIssuer(), /is for tests only/)
})
