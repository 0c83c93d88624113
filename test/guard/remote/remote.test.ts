import Fastify from 'fastify'
import { decodeJwt } from 'jose'
import t, { type Test } from 'tap'
import { checkScopes, guard, tokenOf } from '../../../packages/guard/src/index.ts'
import { actingAs } from '../../helpers/app.ts'
import { listeningIssuer } from '../../helpers/issuer.ts'
import { freePort } from '../../helpers/port.ts'
import { requester } from '../../helpers/requester.ts'
import { administrator, newServiceAccount } from '../../helpers/service-accounts.ts'

const API = 'https://orders.example.com'

/** An issuer that listens under its own name, and a resource server that knows nothing but that name. */
async function rig(t: Test, options: { followed?: boolean; maxStalenessSeconds?: number } = {}) {
  const { issuer, services, app: server } = await listeningIssuer(t, { audience: API })
  const { client, secret } = await services.clients.create({ name: 'Orders API', audience: API })
  const credentials = options.followed === false ? {} : { clientId: client.id, clientSecret: secret as string }
  const api = Fastify()
  await api.register(guard, {
    issuer,
    audience: API,
    ...credentials,
    ...(options.maxStalenessSeconds && { maxStalenessSeconds: options.maxStalenessSeconds }),
  })
  api.get('/orders', { preHandler: checkScopes('orders:read') }, async request => ({ user: tokenOf(request).userId }))
  t.teardown(() => api.close())
  const ask = (token: string) => api.inject({ url: '/orders', headers: { authorization: `Bearer ${token}` } })
  return { services, server, api, ask, issuer }
}

/** Asks until the answer is the one that must come; a test that waits for it in vain runs into its time limit. */
async function until(status: number, ask: () => Promise<{ statusCode: number }>): Promise<void> {
  while ((await ask()).statusCode !== status) await new Promise(resolve => setTimeout(resolve, 10))
}

for (const format of ['jwt', 'opaque'] as const) {
  t.test(`what becomes of a token reaches a guard far away, ${format}`, async t => {
    const { services, server, ask } = await rig(t)
    const { user, id, token } = await actingAs(services, ['orders:read', 'reports'], { format })
    const good = await ask(token)
    t.equal(good.statusCode, 200, good.body)
    t.same(good.json(), { user: user.id })
    await services.tokens.change(user, id, { suspended: true })
    await until(401, () => ask(token))
    await services.tokens.change(user, id, { suspended: false })
    await until(200, () => ask(token))
    await services.tokens.change(user, id, { scopes: ['reports'] })
    await until(403, () => ask(token))
    await services.tokens.change(user, id, { scopes: ['orders:read'] })
    await until(200, () => ask(token))
    await services.users.disable(user.id)
    await until(401, () => ask(token))
    await services.users.enable(user.id)
    await until(200, () => ask(token))
    const { account } = await newServiceAccount(services)
    const admin = requester(server, (await administrator(services)).headers)
    const handed = (await admin.post(`/admin/tokens/${id}/handover`, { user_id: account.id })).json()
    if (format === 'jwt') await until(401, () => ask(token))
    // A JWT names its owner, so another one takes its place.
    const current = format === 'jwt' ? handed.token : token
    while ((await ask(current)).json().user !== account.id);
    t.same((await ask(current)).json(), { user: account.id }, 'handed over to a service account')
    await services.serviceAccounts.disable(account.id)
    await until(401, () => ask(current))
    await services.serviceAccounts.enable(account.id)
    await until(200, () => ask(current))
    await services.tokens.revoke(account.id, handed.data.id)
    await until(401, () => ask(current))
    t.equal((await ask(token)).statusCode, 401)
    t.match((await ask(token)).headers['www-authenticate'], /error="invalid_token"/)
    t.equal((await ask(`${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`)).statusCode, 401, 'altered')
  })
}

t.test('a guard checks by itself: the issuer is asked nothing for a token it never saw', async t => {
  const { services, server, ask } = await rig(t)
  const uriOf = (token: string) => (decodeJwt(token).status as { status_list: { uri: string } }).status_list.uri
  // The first ones may be lent a place in another list, until there is one of their own.
  const tokens = await Promise.all(Array.from({ length: 20 }, () => actingAs(services, ['orders:read'])))
  for (const { token } of tokens) t.equal((await ask(token)).statusCode, 200)
  const uris = new Set(tokens.map(({ token }) => uriOf(token)))
  let fresh = await actingAs(services, ['orders:read'])
  while (!uris.has(uriOf(fresh.token))) {
    t.equal((await ask(fresh.token)).statusCode, 200)
    uris.add(uriOf(fresh.token))
    fresh = await actingAs(services, ['orders:read'])
  }
  const asked: string[] = []
  server.server.on('request', request => asked.push(String(request.url)))
  t.equal((await ask(fresh.token)).statusCode, 200)
  t.same(
    asked.filter(url => !url.endsWith('/events')),
    [],
  )
})

t.test('without a client the lists alone are followed', async t => {
  const { services, ask } = await rig(t, { followed: false })
  const { token } = await actingAs(services, ['orders:read'])
  t.equal((await ask(token)).statusCode, 200)
  const opaque = await actingAs(services, ['orders:read'], { format: 'opaque' })
  t.equal((await ask(opaque.token)).statusCode, 401, 'nobody to ask about an opaque one')
})

t.test('while the issuer is away: what is known for as long as it may be, then 503, never more', async t => {
  const { services, server, ask } = await rig(t)
  const { token } = await actingAs(services, ['orders:read'])
  t.equal((await ask(token)).statusCode, 200)
  await server.close()
  t.equal((await ask(token)).statusCode, 200, 'known a moment ago')
  const unknown = `${token.split('.').slice(0, 2).join('.')}.${'A'.repeat(86)}`
  t.equal((await ask(unknown)).statusCode, 401)
})

t.test('an issuer that was never there: 503', async t => {
  const api = Fastify()
  const port = await freePort()
  await api.register(guard, { issuer: `http://127.0.0.1:${port}`, audience: API })
  api.get('/orders', { preHandler: checkScopes('orders:read') }, async () => ({}))
  t.teardown(() => api.close())
  const { services } = await rig(t)
  const { token } = await actingAs(services, ['orders:read'])
  const refused = await api.inject({ url: '/orders', headers: { authorization: `Bearer ${token}` } })
  t.equal(refused.statusCode, 503)
  t.ok(refused.headers['retry-after'])
})
