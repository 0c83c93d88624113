import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { createRemote } from '../../packages/guard/src/index.ts'
import { actingAs } from '../helpers/app.ts'
import { listeningIssuer } from '../helpers/issuer.ts'
import { createGroup, directory, operations, provision, SCIM_TOKEN } from '../helpers/scim.ts'

const API = 'https://orders.example.com'

t.test('a guard of a resource server', async t => {
  const scimGroupScopes = { Contractors: ['orders:read'] }
  const { issuer, services, app } = await listeningIssuer(t, { audience: API, scimToken: SCIM_TOKEN, scimGroupScopes })
  const scim = directory(app)
  const { client, secret } = await services.clients.create({ name: 'Orders API', audience: API })
  const guard = createRemote({ issuer, audience: API, clientId: client.id, clientSecret: secret as string })
  t.teardown(() => guard.close())
  await guard.ready()

  const id = await provision(scim)
  const user = await services.users.find(id)
  const tokens = [
    await actingAs(services, ['orders:read', 'reports'], { user, format: 'jwt' }),
    await actingAs(services, ['orders:read', 'reports'], { user, format: 'opaque' }),
  ]
  async function check(token: string) {
    try {
      return (await guard.authenticate(token)).scopes.join(' ')
    } catch (error) {
      return (error as { status: number }).status
    }
  }
  const seen = () => Promise.all(tokens.map(({ token }) => check(token)))
  /** Makes a change, and waits until the guard has heard of it. */
  async function heard(change: () => Promise<unknown>) {
    const before = guard.position ?? 0
    await change()
    while ((guard.position ?? 0) <= before) await pause(5)
  }
  const both = <T>(value: T) => [value, value]

  t.strictSame(await seen(), both('orders:read reports'))
  await heard(() => scim('PATCH', `/Users/${id}`, operations({ op: 'Replace', path: 'active', value: 'False' })))
  t.strictSame(await seen(), both(401), 'suspended')
  await heard(() => scim('PATCH', `/Users/${id}`, operations({ op: 'Replace', path: 'active', value: 'True' })))
  t.strictSame(await seen(), both('orders:read reports'), 'the same tokens again')

  const group = await createGroup(scim, 'Contractors')
  await heard(() =>
    scim('PATCH', `/Groups/${group}`, operations({ op: 'Add', path: 'members', value: [{ value: id }] })),
  )
  t.strictSame(await seen(), both('orders:read'), 'the group limits tokens that exist')
  await heard(() => scim('DELETE', `/Users/${id}`))
  t.strictSame(await seen(), both(401), 'deleted')
})
