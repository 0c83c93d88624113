import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose'
import t from 'tap'
import type { Services } from '../../src/services.ts'
import { actingAs, type TestApp, testApp } from '../helpers/app.ts'
import { bearer, requester } from '../helpers/requester.ts'

const TEN_MINUTES_MS = 600_000

const jwks = async ({ app }: TestApp): Promise<JSONWebKeySet> =>
  (await requester(app).get('/.well-known/jwks.json')).json()
const fresh = async ({ services }: TestApp) => (await actingAs(services)).token
const kidOf = (token: string) => decodeProtectedHeader(token).kid
const verifies = (set: JSONWebKeySet, token: string) =>
  jwtVerify(token, createLocalJWKSet(set)).then(
    () => true,
    () => false,
  )
const inState = async ({ services }: TestApp, state: string) =>
  (await services.keys.list()).find(key => key.state === state) as Awaited<ReturnType<Services['keys']['list']>>[number]

/** Moves the times of all keys into the past, as if these minutes had passed since. */
async function passing({ services }: TestApp, minutes: number): Promise<void> {
  const columns = ['created_at', 'activated_at', 'retired_at']
  await services.db.query(
    `update oauth_signing_keys set ${columns.map(each => `${each} = ${each} - interval '${minutes} minutes'`)}`,
  )
  await services.keys.load()
}

t.test('after any rotation a cached JWK Set verifies new tokens until it expires', async t => {
  const world = await testApp(t)
  const cached = await jwks(world)
  for (const algorithm of [undefined, undefined, 'EdDSA', 'RS256', undefined] as const) {
    await world.services.keys.rotate(algorithm)
    t.ok(await verifies(cached, await fresh(world)), `${algorithm}`)
    t.ok(await verifies(await jwks(world), await fresh(world)), 'and so does the new one')
  }
})

t.test('the first two keys are published together, so the second can be activated immediately', async t => {
  const world = await testApp(t)
  const next = await inState(world, 'next')
  t.match(await world.services.keys.rotate(), { id: next.id, state: 'current', outcome: 'signs' })
  t.equal(kidOf(await fresh(world)), next.id)
})

t.test('a new key is published, and becomes active after ten minutes', async t => {
  const world = await testApp(t)
  const before = kidOf(await fresh(world))
  const rotated = await world.services.keys.rotate('EdDSA')
  t.match(rotated, { state: 'next', algorithm: 'EdDSA', outcome: 'scheduled' })
  const wait = (rotated.activatedAt as Date).getTime() - Date.now()
  t.ok(wait > TEN_MINUTES_MS - 60_000 && wait <= TEN_MINUTES_MS)
  t.ok((await jwks(world)).keys.some(key => key.kid === rotated.id && key.alg === 'EdDSA'))
  t.equal(kidOf(await fresh(world)), before)

  await passing(world, 9)
  t.equal(kidOf(await fresh(world)), before)
  t.equal((await inState(world, 'next')).id, rotated.id)

  const old = await fresh(world)
  await passing(world, 2)
  const young = await fresh(world)
  t.equal(kidOf(young), rotated.id, 'without another command')
  for (const token of [old, young]) {
    t.equal((await requester(world.app, bearer(token)).get('/api/user')).statusCode, 200)
    t.ok(await verifies(await jwks(world), token))
  }
  t.equal((await inState(world, 'current')).id, rotated.id)
  t.match(await inState(world, 'past'), { id: before, retiredAt: Date })
  t.match(await inState(world, 'next'), { algorithm: 'EdDSA', activatedAt: null })
})

t.test('signing stores the activation of a due key, and publishes the next one', async t => {
  const world = await testApp(t)
  const { id } = await world.services.keys.rotate('EdDSA')
  await passing(world, 11)
  const before = await jwks(world)
  t.equal(kidOf(await fresh(world)), id)
  const stored = () => world.services.db.query<{ n: number }>('select count(*)::int as n from oauth_signing_keys')
  // The change is stored beside the signing; it takes the same lock, and so is over once a rotation is.
  const waiting = await world.services.keys.rotate()
  t.not(waiting.id, id)
  t.match(waiting, { state: 'next', outcome: 'scheduled' })
  t.match(await stored(), [{ n: 3 }])
  t.equal((await jwks(world)).keys.length, before.keys.length + 1)
})

t.test('a key that has been published for ten minutes is activated immediately', async t => {
  const world = await testApp(t)
  await world.services.keys.rotate()
  const standby = await inState(world, 'next')
  await passing(world, 11)
  t.match(await world.services.keys.rotate(), { id: standby.id, state: 'current', outcome: 'signs' })
  t.equal(kidOf(await fresh(world)), standby.id)
})

t.test('a second rotation keeps the scheduled key and its time', async t => {
  const world = await testApp(t)
  const { id, activatedAt } = await world.services.keys.rotate('EdDSA')
  for (const algorithm of ['EdDSA', undefined] as const) {
    const again = await world.services.keys.rotate(algorithm)
    t.match(again, { id, algorithm: 'EdDSA', outcome: 'waiting' })
    t.same(again.activatedAt, activatedAt)
  }
  t.equal((await world.services.keys.list()).length, 2)
})

t.test('another algorithm replaces the scheduled key only', async t => {
  const world = await testApp(t)
  const current = kidOf(await fresh(world))
  const replaced = await world.services.keys.rotate('EdDSA')
  await passing(world, 5)
  const { id, activatedAt } = await world.services.keys.rotate('RS256')
  t.ok((activatedAt as Date).getTime() - Date.now() > TEN_MINUTES_MS - 60_000, 'it waits for the whole time')
  t.equal(kidOf(await fresh(world)), current)
  await passing(world, 6)
  t.equal(kidOf(await fresh(world)), current, 'nothing signs at the time of the key that was replaced')
  t.notOk((await jwks(world)).keys.some(key => key.kid === replaced.id))
  await passing(world, 5)
  t.equal(kidOf(await fresh(world)), id)
})

t.test('now: the key is activated immediately, and the response says that it is early', async t => {
  const world = await testApp(t)
  const cached = await jwks(world)
  const early = await world.services.keys.rotate('EdDSA', { now: true })
  t.match(early, { state: 'current', outcome: 'early' })
  const token = await fresh(world)
  t.equal(kidOf(token), early.id)
  t.notOk(await verifies(cached, token), 'what it costs')
  const waiting = await world.services.keys.rotate()
  t.match(waiting, { algorithm: 'ES256', outcome: 'scheduled' })
  t.match(await world.services.keys.rotate(undefined, { now: true }), { id: waiting.id, outcome: 'early' })
  t.equal(kidOf(await fresh(world)), waiting.id)
})

t.test('a transaction that holds the only connection signs while keys are loaded', async t => {
  const world = await testApp(t)
  const { bus, keys } = world.services
  bus.setConnected(true)
  await keys.load()
  const real = Date.now
  Object.assign(Date, { now: () => real() + 3_600_000 })
  t.teardown(() => Object.assign(Date, { now: real }))
  const signed = bus.transaction(async em => {
    await em.execute('select 1')
    bus.applyRemote({ kind: 'keys' })
    return keys.sign({ sub: 'ada' }, 'at+jwt')
  })
  t.ok(await signed)
})
