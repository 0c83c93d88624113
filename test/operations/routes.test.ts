import t from 'tap'
import { actingAs, newUser, testApp } from '../helpers/app.ts'
import { AT_ONCE, by, ended, leaveOperation } from '../helpers/operation.ts'
import { requester } from '../helpers/requester.ts'

const { app, services } = await testApp(t)
const NOTHING = '01939f4e-8a4c-7b60-b5a4-6f6d5c3f2a12'
const live = (userId: string) => services.tokenAdmin.count({ userId })

t.test('whoever requested an operation reads how far it is', async t => {
  const { operation, user, headers } = await leaveOperation(services)
  const me = requester(app, headers)
  const shown = (await me.get(`/api/operations/${operation.id}`)).json().data
  t.match(shown, {
    id: operation.id,
    kind: 'revoke_personal_tokens',
    status: 'running',
    count: 1_000,
    total: 2_502,
    finished_at: null,
  })
  t.strictSame((await me.get('/api/operations')).json().data, [shown])
  t.equal(await live(user.id), 1_502)

  const stranger = requester(app, (await actingAs(services, ['tokens:read', 'tokens:write'])).headers)
  t.equal((await stranger.get(`/api/operations/${operation.id}`)).statusCode, 404)
  t.equal((await stranger.post(`/api/operations/${operation.id}/cancel`)).statusCode, 404)
  t.strictSame((await stranger.get('/api/operations')).json().data, [])
  const without = requester(app, (await actingAs(services, ['orders:read'], { user })).headers)
  t.equal((await without.get(`/api/operations/${operation.id}`)).statusCode, 403)
  t.equal((await requester(app).get(`/api/operations/${operation.id}`)).statusCode, 401)
  for (const id of [NOTHING, 'x', `${operation.id}0`])
    t.ok([404, 422].includes((await me.get(`/api/operations/${id}`)).statusCode), id)
})

t.test('only the token that requested it cancels it: a stolen one must not', async t => {
  const { operation, user, headers, id } = await leaveOperation(services)
  const url = `/api/operations/${operation.id}/cancel`
  const thief = await actingAs(services, ['tokens:read', 'tokens:write'], { user })
  const refused = await requester(app, thief.headers).post(url)
  t.equal(refused.statusCode, 403, refused.body)
  const reader = await actingAs(services, ['tokens:read'], { user })
  t.equal((await requester(app, reader.headers).post(url)).statusCode, 403)

  const me = requester(app, headers)
  const cancelled = await me.post(url)
  t.equal(cancelled.statusCode, 200, cancelled.body)
  t.match(cancelled.json().data, { status: 'cancelled', count: 1_000, finished_at: String })
  t.equal((await me.post(url)).statusCode, 409)
  const left = await live(user.id)
  const runner = services.operations.start()
  await runner.close()
  t.equal(await live(user.id), left, 'nothing goes on')

  const events = await services.auditLog.list({ userId: user.id }, { limit: 10 })
  const about = events.filter(({ kind }) => kind.startsWith('operation.'))
  t.match(about, [
    { kind: 'operation.cancelled', actorTokenId: id, details: { operation: operation.id, count: 1_000 } },
    { kind: 'operation.started', actorTokenId: id, details: { work: 'revoke_personal_tokens' } },
  ])
})

t.test('a stolen token that repeats the request has an operation of its own, and stops only that', async t => {
  const { operation, user } = await leaveOperation(services, 3_500)
  const thief = await actingAs(services, ['tokens:read', 'tokens:write'], { user })
  const asThief = requester(app, thief.headers)
  const repeat = () => services.tokens.revokeAll(user.id, { ...AT_ONCE, lastTokenId: thief.id })
  const theirs = (await by(thief, repeat)).operation?.id as string
  t.not(theirs, operation.id)
  t.equal((await asThief.post(`/api/operations/${theirs}/cancel`)).statusCode, 200)
  t.equal((await asThief.post(`/api/operations/${operation.id}/cancel`)).statusCode, 403)
  const runner = services.operations.start()
  t.equal((await ended(services, operation.id)).status, 'succeeded')
  await runner.close()
  t.equal(await live(user.id), 1, 'that of the thief was issued after the request')
})

t.test('administrators read and cancel every operation', async t => {
  const { operation, user } = await leaveOperation(services)
  const admin = await newUser(services, 'admin')
  const reading = requester(app, (await actingAs(services, ['admin:read'], { user: admin })).headers)
  const writing = requester(app, (await actingAs(services, ['admin:write'], { user: admin })).headers)
  const url = `/admin/operations/${operation.id}`
  t.equal((await writing.get(url)).statusCode, 200, 'whoever may start one may follow it')
  t.match((await reading.get(url)).json().data, { id: operation.id, user_id: user.id, client_id: null, count: 1_000 })
  t.equal((await reading.get('/admin/operations?limit=1')).json().data[0].id, operation.id, 'newest first')
  t.equal((await reading.post(`${url}/cancel`)).statusCode, 403)
  t.match((await writing.post(`${url}/cancel`)).json().data, { status: 'cancelled' })
  t.equal((await writing.post(`${url}/cancel`)).statusCode, 409)
  t.equal((await writing.post(`/admin/operations/${NOTHING}/cancel`)).statusCode, 404)
})

t.test('one that has ended says so, and its token was revoked last', async t => {
  const { operation, user, headers } = await leaveOperation(services)
  const runner = services.operations.start()
  t.teardown(() => runner.close())
  t.match(await ended(services, operation.id), { status: 'succeeded', count: 2_502 })
  t.equal(await live(user.id), 0)
  t.equal((await requester(app, headers).get(`/api/operations/${operation.id}`)).statusCode, 401)
  const again = await actingAs(services, ['tokens:read'], { user })
  const read = await requester(app, again.headers).get(`/api/operations/${operation.id}`)
  t.match(read.json().data, { status: 'succeeded', count: 2_502, total: 2_502, finished_at: String })
})
