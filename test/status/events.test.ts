import t from 'tap'
import { actingAs, newUser, testApp } from '../helpers/app.ts'

const { services } = await testApp(t)

/** How many status events the work writes, by status. */
async function written(work: () => Promise<unknown>): Promise<Record<number, number>> {
  const [last] = await services.db.query<{ max: string | null }>('select max(sequence) from oauth_status_events')
  await work()
  const rows = await services.db.query<{ status: number; count: string }>(
    'select status, count(*) from oauth_status_events where sequence > ? group by status',
    [Number(last?.max ?? 0)],
  )
  return Object.fromEntries(rows.map(row => [row.status, Number(row.count)]))
}

async function userWithTokens(role: 'user' | 'admin' = 'user') {
  const { user } = await actingAs(services, ['orders:read'], { role })
  const scopes = role === 'admin' ? ['admin:read'] : ['orders:read']
  const issue = () => services.tokens.issuePersonal({ user, name: 'one', scopes })
  const issued = [await issue(), await issue(), await issue()]
  await services.tokens.revoke(user.id, issued[0]?.token.id as string)
  return user
}

t.test('changing the name, address, password or promoting a user writes no status event', async t => {
  const user = await userWithTokens()
  const { users } = services
  t.same(await written(() => users.update(user.id, {})), {}, 'of nothing')
  t.same(await written(() => users.update(user.id, { name: 'Another' })), {}, 'name')
  t.same(await written(() => users.update(user.id, { email: `${user.id}@example.com` })), {}, 'address')
  t.same(await written(() => users.setPassword(user.id, 'another horse battery')), {}, 'password')
  t.same(await written(() => users.update(user.id, { role: 'admin' })), {}, 'promotion')
})

t.test('disabling and enabling a user write one event for each live token, and none for a revoked one', async t => {
  const user = await userWithTokens()
  t.same(await written(() => services.users.disable(user.id)), { 2: 3 })
  t.same(await written(() => services.users.disable(user.id)), {}, 'once more changes nothing')
  t.same(await written(() => services.users.enable(user.id)), { 0: 3 })
})

t.test('a demotion writes an event for each token that had scopes of an administrator', async t => {
  await newUser(services, 'admin')
  const user = await userWithTokens('admin')
  t.same(await written(() => services.users.update(user.id, { role: 'user' })), { 3: 2 })
})

t.test(
  'a client that is renamed or gets another secret writes none, a revoked one one for each live token',
  async t => {
    const { client } = await services.clients.create({ name: 'Reports', scopes: ['orders:read'] })
    const grant = services.grants.client_credentials
    for (let i = 0; i < 3; i++) await grant?.({ client, params: {} } as never)
    t.same(await written(() => services.clients.update(client.id, { name: 'Others' })), {})
    t.same(await written(() => services.clients.rotateSecret(client.id)), {})
    t.same(await written(() => services.clients.revoke(client.id)), { 1: 3 })
  },
)
