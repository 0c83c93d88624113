import { getListFromStatusListJWT } from '@sd-jwt/jwt-status-list'
import type { FastifyInstance } from 'fastify'
import { createLocalJWKSet, decodeJwt, jwtVerify } from 'jose'
import t from 'tap'
import { prune } from '../../src/tokens/prune.ts'
import { actingAs, ISSUER, testApp } from '../helpers/app.ts'

interface Reference {
  idx: number
  uri: string
}

const referenceOf = (token: string) => (decodeJwt(token).status as { status_list: Reference }).status_list

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

t.test('what becomes of a token stands in its list', async t => {
  const { app, house } = await testApp(t)
  const { user, id, token, headers } = await actingAs(house, ['tokens:write', 'orders:read'])
  const other = await actingAs(house, ['orders:read'], { user })
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
  await house.users.disable(user.id)
  t.equal(await statusOf(app, token), 2)
  t.equal(await statusOf(app, other.token), 2, 'a disabled user suspends all')
  await house.users.enable(user.id)
  t.equal(await statusOf(app, token), 0)
  t.equal(await statusOf(app, other.token), 3, 'still changed')
  await house.tokens.revoke(user.id, other.id)
  t.equal(await statusOf(app, other.token), 1, 'revoked')
  await house.tokens.revoke(user.id, id)
  t.equal(await statusOf(app, token), 1)
})

t.test('a list is signed, cacheable, and ends', async t => {
  const { app, house } = await testApp(t)
  const { token } = await actingAs(house)
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

t.test('no two tokens have the same index, and neighbours are far apart', async t => {
  const { house } = await testApp(t)
  const { user } = await actingAs(house)
  const tokens = await Promise.all(Array.from({ length: 300 }, () => actingAs(house, [], { user })))
  const places = tokens.map(({ token }) => referenceOf(token))
  t.equal(new Set(places.map(p => `${p.uri} ${p.idx}`)).size, 300)
  const near = places.slice(1).filter((p, i) => Math.abs(p.idx - (places[i]?.idx ?? 0)) < 16)
  t.ok(near.length < 10, 'indices look drawn')
})

t.test('a revoked token whose row was pruned stays revoked for whoever checks offline', async t => {
  const { app, house } = await testApp(t)
  const { user, id, token } = await actingAs(house)
  await house.tokens.revoke(user.id, id)
  t.equal(await prune(house.db, { revoked: true, expired: true, hours: 0 }), 1)
  t.equal(await statusOf(app, token), 1, 'a node that loads its lists only now')
})
