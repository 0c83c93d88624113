import t from 'tap'
import { actingAs, testApp } from '../helpers/app.ts'
import { asking } from '../helpers/asking.ts'

t.test('revocations that come together: each is judged, told and answered by itself', async t => {
  const { app, house } = await testApp(t)
  const scopes = ['orders:read', 'tokens:read', 'tokens:write']
  const owners = await Promise.all(Array.from({ length: 12 }, () => actingAs(house, scopes)))
  const spares = await Promise.all(owners.map(({ user }) => actingAs(house, ['orders:read'], { user })))
  const ask = owners.map(({ headers }) => asking(app, headers))
  const alive = async (i: number) =>
    (await asking(app, spares[i]!.headers).get('/api/tokens/current')).statusCode === 200
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
    asking(app, spares[2]!.headers).delete('/api/tokens/current'),
  ])
  const codes = answers.map(({ statusCode }) => statusCode)
  t.same(codes, [204, 404, 204, 204, 404, 404, 404, ...spares.slice(4).map(() => 204), 204])
  const living = await Promise.all(spares.map((_, i) => alive(i)))
  t.same(
    living,
    spares.map(spare => spare === foreign),
    'all but the one that only a stranger wanted gone',
  )

  const admin = await actingAs(house, ['admin:read'], { role: 'admin' })
  const trail = await asking(app, admin.headers).get('/admin/audit?kind=token.revoked&limit=100')
  const told = new Map<string, string>(
    trail.json().data.map((row: { token_id: string; actor_user_id: string }) => [row.token_id, row.actor_user_id]),
  )
  t.equal(trail.json().data.length, spares.length - 1, 'each is written down once')
  for (const [i, { id }] of spares.entries()) {
    t.equal(told.get(id), spares[i] === foreign ? undefined : owners[i]!.user.id, 'by whoever did it')
  }
})
