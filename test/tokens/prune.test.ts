import t from 'tap'
import { issueCode } from '../../src/grants/codes.ts'
import { prune } from '../../src/tokens/prune.ts'
import { newUser, testApp } from '../helpers/app.ts'
import { ask, poll, television } from '../helpers/device.ts'
import { grantAccess, opens, refresh } from '../helpers/granted-tokens.ts'

const { app, services } = await testApp(t, { refreshGrace: 60 })
const WEEK = { revoked: true, expired: true, hours: 168 }

const rows = async (table: string) =>
  (await services.db.query<{ count: number }>(`select count(*)::int as count from ${table}`))[0]?.count

const expire = (table: string, days: number) =>
  services.db.query(`update ${table} set expires_at = now() - make_interval(days => ?)`, [days])

const TABLES = [
  'oauth_refresh_tokens',
  'oauth_auth_codes',
  'oauth_device_codes',
  'oauth_pushed_requests',
  'oauth_used_assertions',
  'sessions',
]

const giveCode = (user: string, client: string) =>
  services.bus.transaction(em => {
    const scopes = ['orders:read']
    const code = { user, client, redirectUri: 'https://app.example/', scopes, audience: null, codeChallenge: 'x' }
    return issueCode(em, code, 60)
  })

t.test('what expired goes, whatever it is, and what lives stays', async t => {
  const user = await newUser(services)
  const granted = await grantAccess(services, user)
  const waiting = (await ask(app, await television(services))).json()
  await services.sessions.create(user, { address: '192.0.2.1', userAgent: 'test', newDevice: undefined })
  await giveCode(user.id, granted.client.id)
  await services.pushedRequests.push(granted.client, {})
  await services.db.query(
    "insert into oauth_used_assertions (client_id, hash, expires_at) values (?, ?, now() + interval '1 hour')",
    [granted.client.id, Buffer.from('jti')],
  )
  t.equal(await prune(services.db, WEEK), 0)
  for (const table of TABLES) t.ok(await rows(table), `${table}: alive`)
  for (const table of TABLES) await expire(table, 6)
  await prune(services.db, WEEK)
  for (const table of TABLES) t.ok(await rows(table), `${table}: not dead for long enough`)
  for (const table of TABLES) await expire(table, 8)
  await prune(services.db, { ...WEEK, expired: false })
  for (const table of TABLES) t.ok(await rows(table), `${table}: only revoked tokens were to go`)
  await prune(services.db, { ...WEEK, batch: 1 })
  for (const table of TABLES) t.equal(await rows(table), 0, table)
  t.equal(await opens(app, granted.accessToken), 200)
  t.match((await refresh(app, granted)).json(), { error: 'invalid_grant' })
  t.match((await poll(app, granted, waiting)).json(), { error: 'invalid_grant' })
})

t.test('answers that nobody lost are forgotten once the grace is over', async t => {
  const user = await newUser(services)
  const [early, late] = [await grantAccess(services, user), await grantAccess(services, user)]
  for (const granted of [early, late]) t.equal((await refresh(app, granted)).statusCode, 200)
  const sql =
    "update oauth_refresh_tokens set used_at = used_at - interval '61 s' where grant_id = ? and used_at is not null"
  await services.db.query(sql, [early.grant])
  const kept = () => services.db.query('select grant_id from oauth_refresh_tokens where replay is not null')
  await prune(services.db, WEEK)
  t.equal((await kept()).length, 2)
  await prune(services.db, { ...WEEK, refreshGrace: 60 })
  t.match(await kept(), [{ grant_id: late.grant }])
  t.equal((await kept()).length, 1)
  t.equal((await refresh(app, late)).statusCode, 200, 'within it the answer is had again')
})

t.test('many expired tokens among many that live go in parts, each once', async t => {
  const { services } = await testApp(t)
  const user = await newUser(services)
  const tokens = await Promise.all(
    Array.from({ length: 70 }, (_, i) =>
      services.tokens.issuePersonal({ user, name: `${i}`, scopes: ['orders:read'] }),
    ),
  )
  const ids = tokens.map(({ token }) => token.id).toSorted()
  // A run of them, and then every second one.
  const dead = ids.filter((_, i) => i < 15 || i % 2 === 0)
  await services.db.query(
    `update oauth_access_tokens set expires_at = now() - interval '8 days'
     where id in (select jsonb_array_elements_text(?::jsonb)::uuid)`,
    [JSON.stringify(dead)],
  )
  const seen: number[] = []
  t.equal(await prune(services.db, { ...WEEK, batch: 2, onProgress: deleted => seen.push(deleted) }), dead.length)
  t.equal(seen.at(-1), dead.length)
  t.ok(seen.length > dead.length / 2, 'a few at a time')
  const left = await services.db.query<{ id: string }>('select id from oauth_access_tokens where user_id = ?', [
    user.id,
  ])
  t.same(
    left.map(({ id }) => id).toSorted(),
    ids.filter(id => !dead.includes(id)),
  )
  t.equal(await prune(services.db, { ...WEEK, batch: 2 }), 0)
})
