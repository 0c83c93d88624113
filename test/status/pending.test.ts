import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { actingAs, testApp } from '../helpers/app.ts'
import { opens } from '../helpers/granted-tokens.ts'
import { copyToken } from '../helpers/many.ts'

const MANY = 2_500
const { app, services } = await testApp(t)

/** Tokens by the status that their last event says. */
async function statuses(): Promise<Record<number, number>> {
  const rows = await services.db.query<{ status: number; count: string }>(
    `select status, count(*) from (select distinct on (status_list, status_index) status from oauth_status_events
      order by status_list, status_index, sequence desc) last group by status`,
  )
  return Object.fromEntries(rows.map(row => [row.status, Number(row.count)]))
}

const pending = async () => (await services.db.query('select id from oauth_pending_statuses')).length

async function settled(): Promise<void> {
  while ((await pending()) > 0) await setImmediate()
}

t.test('the status events of an owner of very many tokens are written a batch at a time', async t => {
  const { user, id, token } = await actingAs(services, ['orders:read'])
  await copyToken(services, id, MANY)
  const other = await actingAs(services, ['orders:read'])
  await services.users.disable(user.id)
  t.equal(await opens(app, token), 401, 'refused here at once')
  t.strictSame(await statuses(), {}, 'in a transaction that others do not wait for')
  t.equal(await pending(), 1)
  // A server that starts goes on with what is left, as after a crash.
  services.listen()
  await settled()
  t.strictSame(await statuses(), { 2: MANY + 1 })
  await services.users.enable(user.id)
  await settled()
  t.strictSame(await statuses(), { 0: MANY + 1 })
  t.equal(await opens(app, token), 200)
  t.equal(await opens(app, other.token), 200)
})

t.test('and those of a client, with what was exchanged for its tokens', async t => {
  const before = (await statuses())[1] ?? 0
  const { client } = await services.clients.create({ name: 'batch', scopes: ['orders:read'] })
  await services.grants.client_credentials?.({ client, params: {} } as never)
  const [first] = await services.tokenAdmin.list({ clientId: client.id }, { limit: 1 })
  const id = first?.id as string
  await copyToken(services, id, MANY)
  const exchanged = await actingAs(services, ['orders:read'])
  await services.db.query('update oauth_access_tokens set parent_id = ? where id = ?', [id, exchanged.id])
  await services.clients.revoke(client.id)
  await settled()
  t.equal((await statuses())[1], before + MANY + 2)
})
