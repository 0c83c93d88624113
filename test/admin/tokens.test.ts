import t from 'tap'
import { actingAs, testApp } from '../helpers/app.ts'

t.test('tokens are selected, counted and revoked', async t => {
  const { app, services } = await testApp(t)
  const admin = await actingAs(services, ['admin:read', 'admin:write'], { role: 'admin' })
  const one = await actingAs(services, ['orders:read'])
  const two = await actingAs(services, ['reports'], { user: one.user })
  const other = await actingAs(services, ['reports'])
  const { headers } = admin

  const mine = await app.inject({ url: `/admin/tokens?user_id=${one.user.id}&limit=1`, headers })
  t.match(mine.json().data, [{ id: two.id, user_id: one.user.id }])
  t.type(mine.json().meta.next_cursor, 'string')
  const scoped = await app.inject({ url: '/admin/tokens?scope=reports', headers })
  t.same(
    scoped.json().data.map((token: { id: string }) => token.id),
    [other.id, two.id],
  )
  const count = { user_id: one.user.id, scope: 'reports', dry_run: true }
  const dry = await app.inject({ method: 'POST', url: '/admin/tokens/revoke', headers, payload: count })
  t.same(dry.json(), { data: { count: 1, dry_run: true } })
  t.equal((await app.inject({ url: '/api/user', headers: two.headers })).statusCode, 200, 'nothing was revoked')
  const wet = await app.inject({
    method: 'POST',
    url: '/admin/tokens/revoke',
    headers,
    payload: { ...count, dry_run: false },
  })
  t.same(wet.json(), { data: { count: 1, dry_run: false } })
  t.equal((await app.inject({ url: '/api/user', headers: two.headers })).statusCode, 401)
  t.equal((await app.inject({ url: '/api/user', headers: one.headers })).statusCode, 200)
  t.equal((await app.inject({ url: '/api/user', headers: other.headers })).statusCode, 200)

  const everything = await app.inject({ method: 'POST', url: '/admin/tokens/revoke', headers, payload: {} })
  t.equal(everything.statusCode, 422, 'an empty selection is a mistake')
  for (const name of ['scope', 'user_id', 'client_id', 'created_before', 'made_before', 'unused_since', 'key_id']) {
    for (const value of ['', null, []]) {
      const payload = { [name]: value }
      const empty = await app.inject({ method: 'POST', url: '/admin/tokens/revoke', headers, payload })
      t.equal(empty.statusCode, 422, `so is ${JSON.stringify(payload)}`)
    }
  }
  const blank = await app.inject({ method: 'POST', url: '/admin/tokens/revoke', headers, payload: { scope: ' ' } })
  t.same(blank.json(), { data: { count: 0, dry_run: false } }, 'no token has such a scope')
  t.equal((await app.inject({ url: '/api/user', headers: other.headers })).statusCode, 200, 'nothing was revoked')
  const future = '2999-01-01T00:00:00Z'
  const unused = await app.inject({
    url: `/admin/tokens?unused_since=${future}&made_before=${future}&user_id=${other.user.id}`,
    headers,
  })
  t.match(unused.json().data, [{ id: other.id }])

  t.equal((await app.inject({ method: 'DELETE', url: `/admin/tokens/${other.id}`, headers })).statusCode, 204)
  t.equal((await app.inject({ url: '/api/user', headers: other.headers })).statusCode, 401)
  t.equal((await app.inject({ method: 'DELETE', url: '/admin/tokens/%00', headers })).statusCode, 422)
  const trail = await app.inject({ url: `/admin/audit?token_id=${other.id}&kind=token.revoked`, headers })
  t.match(trail.json().data, [{ actor_user_id: admin.user.id, user_id: other.user.id }])
})

t.test('keys are listed and rotated', async t => {
  const { app, services } = await testApp(t)
  const { headers } = await actingAs(services, ['admin:read', 'admin:write'], { role: 'admin' })
  const before = (await app.inject({ url: '/admin/keys', headers })).json().data
  t.match(before, [{ state: 'current' }, { state: 'next' }])
  t.notMatch(JSON.stringify(before), /private|"d"/)
  const rotated = await app.inject({ method: 'POST', url: '/admin/keys/rotate', headers })
  t.equal(rotated.statusCode, 200, rotated.body)
  t.match(rotated.json(), { data: { id: before[1].id, state: 'current' } })
  t.equal((await app.inject({ url: '/api/user', headers })).statusCode, 200, 'tokens of the past key go on')
  const trail = await app.inject({ url: '/admin/audit?kind=key.rotated', headers })
  t.match(trail.json().data, [{ details: { retired: before[0].id, current: before[1].id } }])
})

t.test('a rotation is scheduled until every cache has the key, or signs at once', async t => {
  const { app, services } = await testApp(t)
  const { headers } = await actingAs(services, ['admin:read', 'admin:write'], { role: 'admin' })
  const rotate = (payload: object) => app.inject({ method: 'POST', url: '/admin/keys/rotate', headers, payload })
  const { data: waiting } = (await rotate({ algorithm: 'EdDSA' })).json()
  t.match(waiting, { algorithm: 'EdDSA', state: 'next', activated_at: null, retired_at: null })
  t.ok(Date.parse(waiting.signs_from) > Date.now() + 300_000, 'longer than a cache keeps the keys')
  t.strictSame((await rotate({})).json().data, waiting, 'sent again it is the same')
  const listed = async () => (await app.inject({ url: '/admin/keys', headers })).json().data
  t.strictSame((await listed())[1], waiting)

  const { data: other } = (await rotate({ algorithm: 'RS256', now: false })).json()
  t.match((await listed()).slice(1), [{ id: waiting.id, state: 'past', signs_from: null, activated_at: null }, other])
  const { data: now } = (await rotate({ now: true })).json()
  t.match(now, { id: other.id, state: 'current', signs_from: now.activated_at })
  t.ok(Date.parse(now.signs_from) <= Date.now())
  for (const bad of [{ now: 'soon' }, { now: null }, { later: true }]) t.equal((await rotate(bad)).statusCode, 422)

  const trail = await app.inject({ url: '/admin/audit?kind=key.rotated', headers })
  t.match(trail.json().data, [
    { details: { current: other.id, signs_from: now.signs_from } },
    { details: { current: other.id, signs_from: other.signs_from } },
    { details: { current: waiting.id, signs_from: waiting.signs_from } },
  ])
})
