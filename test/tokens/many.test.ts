import t from 'tap'
import type { Services } from '../../src/services.ts'
import { actingAs, testApp } from '../helpers/app.ts'
import { grantAccess, opens } from '../helpers/granted-tokens.ts'
import { copyToken } from '../helpers/many.ts'

const MANY = 2_500
const { app, services } = await testApp(t)
const live = ({ tokenAdmin }: Services, userId: string) => tokenAdmin.count({ userId })

t.test('revoking all of one’s tokens goes on when it is asked for again, and its own token goes last', async t => {
  const me = await actingAs(services, ['tokens:write'])
  const { id } = await actingAs(services, ['orders:read'], { user: me.user })
  await copyToken(services, id, MANY)
  const ending = { lastTokenId: me.id, timeoutMs: 0 }
  t.strictSame(await services.tokens.revokeAll(me.user.id, ending), { count: 1_000, complete: false })
  t.equal(await live(services, me.user.id), MANY + 2 - 1_000, 'what it said is done, and no more')
  t.equal(await opens(app, me.token), 200)
  const rest = await app.inject({ method: 'DELETE', url: '/api/tokens', headers: me.headers })
  t.equal(rest.statusCode, 200)
  t.equal(await live(services, me.user.id), 0)
  t.equal(await opens(app, me.token), 401)
})

t.test('signing somebody out everywhere goes on when it is asked for again', async t => {
  const admin = await actingAs(services, ['admin:write'], { role: 'admin' })
  const granted = await grantAccess(services, admin.user, { scopes: ['orders:read'] })
  await copyToken(services, admin.id, MANY)
  const ending = { lastTokenId: admin.id, timeoutMs: 0 }
  t.strictSame(await services.signOut(admin.user.id, ending), { count: 1_000, complete: false })
  t.equal(await opens(app, admin.token), 200, 'whoever asks can ask again')
  const url = `/admin/users/${admin.user.id}/sign-out`
  t.equal((await app.inject({ method: 'POST', url, headers: admin.headers })).statusCode, 200)
  t.equal(await live(services, admin.user.id), 0)
  t.equal(await opens(app, admin.token), 401)
  t.equal(await opens(app, granted.accessToken), 401)
})

t.test('an app is let in until the last of its tokens is revoked', async t => {
  const me = await actingAs(services, ['clients:read', 'clients:write'])
  const granted = await grantAccess(services, me.user, { scopes: ['orders:read'] })
  const [first] = await services.tokenAdmin.list({ clientId: granted.client.id }, { limit: 1 })
  const id = first?.id as string
  await copyToken(services, id, MANY)
  const withdraw = () => services.authorizations.withdraw(me.user.id, granted.client.id, { timeoutMs: 0 })
  t.strictSame(await withdraw(), { count: 1_000, complete: false })
  t.ok(await services.authorizations.find(me.user.id, granted.client.id), 'not withdrawn yet')
  const request = { method: 'DELETE', url: `/api/authorizations/${granted.client.id}`, headers: me.headers } as const
  t.equal((await app.inject(request)).statusCode, 200)
  t.equal(await services.tokenAdmin.count({ clientId: granted.client.id }), 0)
  t.equal((await app.inject(request)).statusCode, 404, 'nobody is let in any more')
  t.equal(await opens(app, me.token), 200)
})
