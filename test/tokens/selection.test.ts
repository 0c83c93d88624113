import t from 'tap'
import { actingAs, testApp } from '../helpers/app.ts'

const MANY = 2_500

t.test('more tokens than can be revoked in time are revoked by calling again, and nothing is said twice', async t => {
  const { app, house } = await testApp(t)
  const { user, id } = await actingAs(house, ['orders:read'])
  const other = await actingAs(house, ['orders:read'])
  const fields = await house.db.query<{ name: string }>(
    `select column_name as name from information_schema.columns where table_name = 'oauth_access_tokens'
      and column_name not in ('id', 'status_index') and table_schema = current_schema()`,
  )
  const names = fields.map(({ name }) => name).join(', ')
  await house.db.query(
    `insert into oauth_access_tokens (id, status_index, ${names}) select gen_random_uuid(), n + 500000, ${names}
      from oauth_access_tokens, generate_series(1, ${MANY}) as n where id = ?`,
    [id],
  )
  const first = await house.selection.revoke({ userId: user.id }, 0)
  t.strictSame(first, { count: 1_000, complete: false })
  t.equal(await house.selection.count({ userId: user.id }), MANY + 1 - first.count, 'what it said is done, and no more')

  const { headers } = await actingAs(house, ['admin:write'], { role: 'admin' })
  const payload = { user_id: user.id }
  const rest = await app.inject({ method: 'POST', url: '/admin/tokens/revoke', headers, payload })
  t.equal(rest.statusCode, 200)
  t.strictSame(rest.json(), { data: { count: MANY + 1 - 1_000, dry_run: false } })
  const again = await app.inject({ method: 'POST', url: '/admin/tokens/revoke', headers, payload })
  t.strictSame(again.json(), { data: { count: 0, dry_run: false } })
  t.equal(await house.selection.count({ userId: other.user.id }), 1, 'nobody else’s')
})
