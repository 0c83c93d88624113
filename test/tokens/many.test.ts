import t from 'tap'
import type { House } from '../../src/house.ts'
import { actingAs, testApp } from '../helpers/app.ts'
import { letIn, opens } from '../helpers/family.ts'
import { copyToken } from '../helpers/many.ts'

const MANY = 2_500
const { app, house } = await testApp(t)
const live = ({ selection }: House, userId: string) => selection.count({ userId })

t.test('revoking all of one’s tokens goes on when it is asked for again, and its own token goes last', async t => {
  const me = await actingAs(house, ['tokens:write'])
  const { id } = await actingAs(house, ['orders:read'], { user: me.user })
  await copyToken(house, id, MANY)
  const ending = { keep: me.id, longest: 0 }
  t.strictSame(await house.tokens.revokeAll(me.user.id, ending), { count: 1_000, complete: false })
  t.equal(await live(house, me.user.id), MANY + 2 - 1_000, 'what it said is done, and no more')
  t.equal(await opens(app, me.token), 200)
  const rest = await app.inject({ method: 'DELETE', url: '/api/tokens', headers: me.headers })
  t.equal(rest.statusCode, 204)
  t.equal(await live(house, me.user.id), 0)
  t.equal(await opens(app, me.token), 401)
})

t.test('signing somebody out everywhere goes on when it is asked for again', async t => {
  const admin = await actingAs(house, ['admin:write'], { role: 'admin' })
  const held = await letIn(house, admin.user, { scopes: ['orders:read'] })
  await copyToken(house, admin.id, MANY)
  const ending = { keep: admin.id, longest: 0 }
  t.strictSame(await house.signOut(admin.user.id, ending), { count: 1_000, complete: false })
  t.equal(await opens(app, admin.token), 200, 'whoever asks can ask again')
  const url = `/admin/users/${admin.user.id}/sign-out`
  t.equal((await app.inject({ method: 'POST', url, headers: admin.headers })).statusCode, 204)
  t.equal(await live(house, admin.user.id), 0)
  t.equal(await opens(app, admin.token), 401)
  t.equal(await opens(app, held.accessToken), 401)
})

t.test('an app is let in until the last of its tokens is revoked', async t => {
  const me = await actingAs(house, ['clients:read', 'clients:write'])
  const held = await letIn(house, me.user, { scopes: ['orders:read'] })
  const [first] = await house.selection.list({ clientId: held.client.id }, { limit: 1 })
  const id = first?.id as string
  await copyToken(house, id, MANY)
  const withdraw = () => house.authorizations.withdraw(me.user.id, held.client.id, { longest: 0 })
  t.strictSame(await withdraw(), { count: 1_000, complete: false })
  t.ok(await house.authorizations.find(me.user.id, held.client.id), 'not withdrawn yet')
  const request = { method: 'DELETE', url: `/api/authorizations/${held.client.id}`, headers: me.headers } as const
  t.equal((await app.inject(request)).statusCode, 204)
  t.equal(await house.selection.count({ clientId: held.client.id }), 0)
  t.equal((await app.inject(request)).statusCode, 404, 'nobody is let in any more')
  t.equal(await opens(app, me.token), 200)
})
