import { setImmediate } from 'node:timers/promises'
import { decodeJwt } from 'jose'
import t from 'tap'
import { BATCH_SIZE } from '../../src/database/run-batches.ts'
import { actingAs, newUser, testApp } from '../helpers/app.ts'
import { opens } from '../helpers/granted-tokens.ts'
import { copyToken } from '../helpers/many.ts'
import { exchangeOf, form } from '../helpers/oauth.ts'
import { requester } from '../helpers/requester.ts'

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

t.test('so are those of a client, with the tokens that were exchanged for its tokens', async t => {
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

t.test('those of tokens that were exchanged for a suspended token', async t => {
  const before = (await statuses())[2] ?? 0
  const { user, headers } = await actingAs(services, ['orders:read', 'tokens:write'])
  const { id, token } = await actingAs(services, ['orders:read'], { user })
  const child = (await form(app, '/oauth/token', exchangeOf(token))).json().access_token
  await copyToken(services, String(decodeJwt(child).jti), MANY, 600_000)
  t.equal(await opens(app, child), 200)
  const change = (suspended: boolean) => requester(app, headers).patch(`/api/tokens/${id}`, { suspended })
  t.equal((await change(true)).statusCode, 200)
  t.equal(await opens(app, child), 401, 'refused here at once')
  await settled()
  t.equal((await statuses())[2], before + MANY + 2)
  t.equal((await change(false)).statusCode, 200)
  t.equal(await opens(app, child), 200)
  await settled()
  t.equal((await statuses())[2] ?? 0, before)
})

t.test('those of a client with few tokens and very many exchanged ones', async t => {
  const before = (await statuses())[1] ?? 0
  const { client } = await services.clients.create({ name: 'few', scopes: ['orders:read'] })
  await services.grants.client_credentials?.({ client, params: {} } as never)
  const [first] = await services.tokenAdmin.list({ clientId: client.id }, { limit: 1 })
  const exchanged = await actingAs(services, ['orders:read'])
  await services.db.query('update oauth_access_tokens set parent_id = ? where id = ?', [first?.id, exchanged.id])
  await copyToken(services, exchanged.id, MANY, 700_000)
  await services.clients.revoke(client.id)
  await settled()
  t.equal((await statuses())[1], before + MANY + 2)
})

t.test('those of a former administrator', async t => {
  const before = (await statuses())[3] ?? 0
  await newUser(services, 'admin')
  const { user, id, headers } = await actingAs(services, ['admin:read', 'orders:read'], { role: 'admin' })
  await copyToken(services, id, MANY, 800_000)
  await actingAs(services, ['orders:read'], { user })
  t.equal((await requester(app, headers).get('/admin/users')).statusCode, 200)
  await services.users.update(user.id, { role: 'user' })
  t.equal((await requester(app, headers).get('/admin/users')).statusCode, 403, 'refused here at once')
  await settled()
  t.equal((await statuses())[3], before + MANY + 1)
})

t.test('no transaction writes more events than a batch has', async t => {
  const [row] = await services.db.query<{ most: number }>(
    'select max(n)::int as most from (select count(*) as n from oauth_status_events group by xmin::text) batches',
  )
  t.equal(row?.most, BATCH_SIZE + 1, 'and the one that was exchanged for one of them')
})
