import { getListFromStatusListJWT } from '@sd-jwt/jwt-status-list'
import type { FastifyInstance } from 'fastify'
import { createLocalJWKSet, jwtVerify } from 'jose'
import t, { type Test } from 'tap'
import { type Change, createInvalidationBus } from '../../src/cluster/invalidation-bus.ts'
import { TOKEN_EXCHANGE } from '../../src/grants/exchange.ts'
import type { Keys } from '../../src/keys/keys.ts'
import type { Services } from '../../src/services.ts'
import { createStatusLists, type StatusLists } from '../../src/status/lists.ts'
import { prune } from '../../src/tokens/prune.ts'
import { type Actor, actingAs, ISSUER, testApp } from '../helpers/app.ts'
import { basic, exchangeOf, form } from '../helpers/oauth.ts'
import { listOf, referenceOf } from '../helpers/status.ts'

async function fetchList(app: FastifyInstance, uri: string): Promise<string> {
  t.ok(uri.startsWith(`${ISSUER}/oauth/status-lists/`))
  const answer = await app.inject({ url: uri.slice(ISSUER.length) })
  t.equal(answer.statusCode, 200, answer.body)
  t.equal(answer.headers['content-type'], 'application/statuslist+jwt')
  return answer.body
}

/** What somebody else's reader finds in our list. */
async function statusOf(app: FastifyInstance, token: string): Promise<number> {
  const { idx, uri } = referenceOf(token)
  return getListFromStatusListJWT(await fetchList(app, uri)).getStatus(idx)
}

t.test('the list contains every status of a token', async t => {
  const { app, services } = await testApp(t)
  const { user, id, token, headers } = await actingAs(services, ['tokens:write', 'orders:read'])
  const other = await actingAs(services, ['orders:read'], { user })
  t.equal(await statusOf(app, other.token), 0, 'valid')
  const patch = (payload: object) => app.inject({ method: 'PATCH', url: `/api/tokens/${other.id}`, headers, payload })
  await patch({ name: 'renamed' })
  t.equal(await statusOf(app, other.token), 0, 'a name changes nothing')
  await patch({ suspended: true })
  t.equal(await statusOf(app, other.token), 2, 'suspended')
  await patch({ suspended: false })
  t.equal(await statusOf(app, other.token), 0, 'resumed')
  await patch({ scopes: [] })
  t.equal(await statusOf(app, other.token), 3, 'changed')
  await services.users.disable(user.id)
  t.equal(await statusOf(app, token), 2)
  t.equal(await statusOf(app, other.token), 2, 'a disabled user suspends all')
  await services.users.enable(user.id)
  t.equal(await statusOf(app, token), 0)
  t.equal(await statusOf(app, other.token), 3, 'still changed')
  await services.tokens.revoke(user.id, other.id)
  t.equal(await statusOf(app, other.token), 1, 'revoked')
  await services.tokens.revoke(user.id, id)
  t.equal(await statusOf(app, token), 1)
})

t.test('a list is signed, cacheable and expires', async t => {
  const { app, services } = await testApp(t)
  const { token } = await actingAs(services)
  const { uri } = referenceOf(token)
  const path = uri.slice(ISSUER.length)
  const first = await app.inject({ url: path })
  const jwks = (await app.inject({ url: '/.well-known/jwks.json' })).json()
  const { payload } = await jwtVerify(first.body, createLocalJWKSet(jwks), {
    typ: 'statuslist+jwt',
    issuer: ISSUER,
    subject: uri,
  })
  t.match(payload, { ttl: 15, status_list: { bits: 2 } })
  t.ok((payload.exp as number) > (payload.iat as number))
  t.match(first.headers['cache-control'], /public, max-age=15/)
  const again = await app.inject({ url: path, headers: { 'if-none-match': String(first.headers.etag) } })
  t.equal(again.statusCode, 304)
  t.equal(again.body, '')
  const all = await app.inject({ url: '/oauth/status-lists' })
  t.ok(all.json().status_lists.includes(uri))
  for (const id of ['999999', '0', '-1', 'x', '1e3', '%00', '9'.repeat(30)]) {
    t.ok((await app.inject({ url: `/oauth/status-lists/${id}` })).statusCode >= 400, id)
  }
})

t.test('indices are unique, and consecutive tokens are far apart', async t => {
  const { services } = await testApp(t)
  const { user } = await actingAs(services)
  const tokens = await Promise.all(Array.from({ length: 300 }, () => actingAs(services, [], { user })))
  const places = tokens.map(({ token }) => referenceOf(token))
  t.equal(new Set(places.map(p => `${p.uri} ${p.idx}`)).size, 300)
  const near = places.slice(1).filter((p, i) => Math.abs(p.idx - (places[i]?.idx ?? 0)) < 16)
  t.ok(near.length < 10, 'indices look drawn')
})

t.test('a pruned revoked token stays revoked in the list', async t => {
  const { app, services } = await testApp(t)
  const { user, id, token } = await actingAs(services)
  await services.tokens.revoke(user.id, id)
  t.equal(await prune(services.db, { revoked: true, expired: true, hours: 0 }), 1)
  t.equal(await statusOf(app, token), 1, 'a node that loads its lists only now')
})

/** Lists of another node, which hears what the test tells it. */
async function elsewhere(t: Test, services: Services, sign: Keys['sign'] = services.keys.sign) {
  const bus = createInvalidationBus(services.db)
  const lists = createStatusLists({ db: services.db, bus, keys: { ...services.keys, sign }, issuer: ISSUER, ttl: 15 })
  t.teardown(() => lists.close())
  await lists.catchUp()
  const told: number[] = []
  lists.observe(events => told.push(...events.map(({ sequence }) => sequence)))
  return { bus, lists, told }
}

t.test('an expired list is removed from memory', async t => {
  const { services } = await testApp(t)
  const { user, id } = await actingAs(services)
  await services.tokens.revoke(user.id, id)
  const { lists } = await elsewhere(t, services)
  t.ok(lists.bytes > 0)
  const later = Date.now() + 3 * 365 * 86_400_000
  t.intercept(Date, 'now', { value: () => later })
  await lists.catchUp()
  t.equal(lists.bytes, 0)
})

/** Changes as the services publish them while work is done. */
async function toldBy(services: Services, work: () => Promise<unknown>): Promise<Change[]> {
  return services.bus.readAtVersion(work, (_, meanwhile) => meanwhile.filter(change => change.kind === 'token'))
}

t.test('a node applies a published change once, and reads missing ones', async t => {
  const { services } = await testApp(t)
  const actors = await Promise.all(Array.from({ length: 4 }, () => actingAs(services)))
  const { bus, lists, told } = await elsewhere(t, services)
  const start = lists.sequence
  const revoked: Change[] = []
  for (const { user, id } of actors) {
    const [change] = await toldBy(services, () => services.tokens.revoke(user.id, id))
    revoked.push(change as Change)
  }
  t.match(revoked[0], { event: { sequence: start + 1, status: 1 } })
  bus.applyRemote(revoked[0]!)
  t.equal(lists.sequence, start + 1, 'at once, without a way to the database')
  bus.applyRemote(revoked[0]!)
  bus.applyRemote({
    kind: 'token',
    id: actors[0]!.id,
    event: { sequence: start + 2, list: 999_999, index: 1, status: 1 },
  })
  t.equal(lists.sequence, start + 1, 'twice, and for a list that it does not hold')
  bus.applyRemote(revoked[3]!)
  t.equal(lists.sequence, start + 1, 'not what comes after a gap')
  await lists.catchUp()
  t.same(
    told,
    [1, 2, 3, 4].map(n => start + n),
  )
  bus.applyRemote(revoked[2]!)
  t.equal(lists.sequence, start + 4, 'nor what is old')
})

t.test('a list that changes while it is signed is signed again for the next request', async t => {
  const { services } = await testApp(t)
  const { user, id, token } = await actingAs(services)
  const reference = referenceOf(token)
  const { idx } = reference
  const signing = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<void>()
  const { bus, lists } = await elsewhere(t, services, async (...what) => {
    signing.resolve()
    await gate.promise
    return services.keys.sign(...what)
  })
  const list = listOf(reference)
  const early = lists.signed(list)
  await signing.promise
  const [change] = await toldBy(services, () => services.tokens.revoke(user.id, id))
  bus.applyRemote(change as Change)
  gate.resolve()
  const late = await early.then(() => lists.signed(list))
  t.equal(getListFromStatusListJWT(String((await early)!.jwt)).getStatus(idx), 0)
  t.equal(getListFromStatusListJWT(String(late!.jwt)).getStatus(idx), 1)
  t.not(late!.etag, (await early)!.etag)
})

t.test('readers share the bytes of a list, which are converted once for all of them', async t => {
  const { app, services } = await testApp(t)
  const reference = referenceOf((await actingAs(services)).token)
  const { lists } = services
  const all = await Promise.all(Array.from({ length: 5 }, () => lists.signed(listOf(reference))))
  t.ok(Buffer.isBuffer(all[0]?.jwt))
  for (const each of all) t.equal(each?.jwt, all[0]?.jwt)
  const { body, headers } = await app.inject({ url: `/oauth/status-lists/${listOf(reference)}` })
  t.equal(body, String(all[0]?.jwt))
  t.match(headers, { 'content-type': /^application\/statuslist\+jwt/, 'content-length': String(body.length) })
})

t.test('a new node has the same statuses as one that received every change', async t => {
  const { app, services } = await testApp(t)
  const exchange = async (token: string, headers = {}): Promise<string> =>
    (await form(app, '/oauth/token', exchangeOf(token), headers)).json().access_token
  const family = async (change: (parent: Actor) => Promise<unknown>) => {
    const parent = await actingAs(services)
    const child = await exchange(parent.token)
    await change(parent)
    return [parent.token, child]
  }
  const { tokens, users } = services
  const machines = await services.clients.create({ name: 'CI', grantTypes: ['client_credentials', TOKEN_EXCHANGE] })
  const machine = basic(machines.client.id, machines.secret)
  const machineToken = (await form(app, '/oauth/token', { grant_type: 'client_credentials' }, machine)).json()
  const texts = [
    ...(await family(async () => {})),
    ...(await family(({ user, id }) => tokens.revoke(user.id, id))),
    ...(await family(({ user, id }) => tokens.change(user, id, { suspended: true }))),
    ...(await family(({ user, id }) => tokens.change(user, id, { scopes: [] }))),
    ...(await family(({ user }) => users.disable(user.id))),
    machineToken.access_token as string,
    await exchange(machineToken.access_token, machine),
  ]
  await services.clients.revoke(machines.client.id)
  const { lists } = await elsewhere(t, services)
  const statusIn = async (from: StatusLists, text: string) => {
    const reference = referenceOf(text)
    return getListFromStatusListJWT(String((await from.signed(listOf(reference)))!.jwt)).getStatus(reference.idx)
  }
  const now = await Promise.all(texts.map(text => statusIn(lists, text)))
  const heard = await Promise.all(texts.map(text => statusIn(services.lists, text)))
  t.same(now, heard)
  t.same(now, [0, 0, 1, 1, 2, 2, 3, 3, 2, 2, 1, 1])
})
