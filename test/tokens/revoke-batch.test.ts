import { decodeJwt } from 'jose'
import t from 'tap'
import { version } from 'uuid'
import type { StatusChange } from '../../packages/guard/src/event-stream.ts'
import { STATUS } from '../../packages/guard/src/status-bits.ts'
import { actingAs, testApp } from '../helpers/app.ts'
import { opens } from '../helpers/granted-tokens.ts'
import { exchangeOf, form } from '../helpers/oauth.ts'
import { requester } from '../helpers/requester.ts'
import { listOf, referenceOf } from '../helpers/status.ts'

t.test('revocations that come together: each is judged, told and answered by itself', async t => {
  const { app, services } = await testApp(t)
  const scopes = ['orders:read', 'tokens:read', 'tokens:write']
  const owners = await Promise.all(Array.from({ length: 12 }, () => actingAs(services, scopes)))
  const spares = await Promise.all(owners.map(({ user }) => actingAs(services, ['orders:read'], { user })))
  const ask = owners.map(({ headers }) => requester(app, headers))
  const alive = async (i: number) =>
    (await requester(app, spares[i]!.headers).get('/api/tokens/current')).statusCode === 200
  const [, , , foreign] = spares
  t.equal((await ask[0]!.delete(`/api/tokens/${spares[0]!.id}`)).statusCode, 204)

  const answers = await Promise.all([
    ask[0]!.delete(`/api/tokens/${spares[0]!.id}`),
    // A stranger, just before the owner: neither let in on it nor written down for it.
    ask[3]!.delete(`/api/tokens/${spares[1]!.id}`),
    ask[1]!.delete(`/api/tokens/${spares[1]!.id}`),
    ask[1]!.delete(`/api/tokens/${spares[1]!.id.toUpperCase()}`),
    ask[2]!.delete(`/api/tokens/${foreign!.id}`),
    ask[2]!.delete('/api/tokens/01900000-0000-7000-8000-000000000000'),
    ask[2]!.delete('/api/tokens/nothing'),
    ...spares.slice(4).map(({ id }, i) => ask[i + 4]!.delete(`/api/tokens/${id}`)),
    requester(app, spares[2]!.headers).delete('/api/tokens/current'),
  ])
  const codes = answers.map(({ statusCode }) => statusCode)
  t.same(codes, [204, 404, 204, 204, 404, 404, 404, ...spares.slice(4).map(() => 204), 204])
  const living = await Promise.all(spares.map((_, i) => alive(i)))
  t.same(
    living,
    spares.map(spare => spare === foreign),
    'all but the one that only a stranger wanted gone',
  )

  const admin = await actingAs(services, ['admin:read'], { role: 'admin' })
  const trail = await requester(app, admin.headers).get('/admin/audit?kind=token.revoked&limit=100')
  const told = new Map<string, string>(
    trail.json().data.map((row: { token_id: string; actor_user_id: string }) => [row.token_id, row.actor_user_id]),
  )
  t.equal(trail.json().data.length, spares.length - 1, 'each is written down once')
  for (const [i, { id }] of spares.entries()) {
    t.equal(told.get(id), spares[i] === foreign ? undefined : owners[i]!.user.id, 'by whoever did it')
  }
})

t.test('what was exchanged for a token dies with it: refused, told, and written down as the same doing', async t => {
  const { app, services } = await testApp(t)
  const { user, id, token, headers } = await actingAs(services, ['orders:read', 'tokens:write'])
  const body = exchangeOf(token)
  // More than one message of NOTIFY has room for.
  const children = await Promise.all(
    Array.from({ length: 120 }, async () => (await form(app, '/oauth/token', body)).json().access_token as string),
  )
  const bystander = await actingAs(services, ['orders:read'], { user })
  await services.lists.catchUp()
  const told: StatusChange[] = []
  services.lists.observe(changes => told.push(...changes))
  const before = Date.now()
  const answer = await requester(app, headers).delete(`/api/tokens/${id}`)
  t.match([answer.statusCode, answer.json()], [200, { data: { count: 121 } }])
  await services.lists.catchUp()

  for (const text of [token, ...children]) t.equal(await opens(app, text), 401)
  t.equal(await opens(app, bystander.token), 200)
  const places = [token, ...children].map(text => placeOf(text)).toSorted()
  t.same(told.map(({ list, index }) => `${list} ${index}`).toSorted(), places)
  t.ok(told.every(({ status }) => status === STATUS.revoked))
  const rows = await services.db.query<{ id: string; token_id: string; actor_user_id: string; at: Date | string }>(
    `select id, token_id, actor_user_id, at from audit_events where kind = 'token.revoked' and user_id = ?`,
    [user.id],
  )
  const ids = [token, ...children].map(text => decodeJwt(text).jti as string)
  t.same(rows.map(row => row.token_id).toSorted(), ids.toSorted())
  t.ok(rows.every(row => row.actor_user_id === user.id))
  for (const row of rows) {
    t.equal(version(row.id), 7)
    const made = Number.parseInt(row.id.replaceAll('-', '').slice(0, 12), 16)
    t.ok(made >= before && made <= Date.now(), 'its id says when')
  }
})

function placeOf(text: string): string {
  const reference = referenceOf(text)
  return `${listOf(reference)} ${reference.idx}`
}

t.test('who asks for what dies with another’s token in the same go did not revoke it', async t => {
  const { app, services } = await testApp(t)
  const [owner, stranger] = [
    await actingAs(services, ['tokens:write', 'orders:read']),
    await actingAs(services, ['tokens:write']),
  ]
  const spare = await actingAs(services, [], { user: owner.user })
  const body = exchangeOf(owner.token)
  const child = (await form(app, '/oauth/token', body)).json().access_token
  const asks = requester(app, owner.headers)
  const answers = await Promise.all([
    asks.delete(`/api/tokens/${spare.id}`),
    requester(app, stranger.headers).delete(`/api/tokens/${decodeJwt(child).jti}`),
    asks.delete('/api/tokens/current'),
  ])
  t.same(
    answers.map(({ statusCode }) => statusCode),
    [204, 404, 200],
  )
  t.equal(await opens(app, child), 401)
  const [row] = await services.db.query('select actor_user_id from audit_events where token_id = ? and kind = ?', [
    decodeJwt(child).jti,
    'token.revoked',
  ])
  t.match(row, { actor_user_id: owner.user.id })
})
