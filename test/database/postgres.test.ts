import t from 'tap'
import { createApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config/config.ts'
import { openDatabase } from '../../src/open-database.ts'
import { createServices } from '../../src/services.ts'
import { APP_KEY, actingAs, CATALOGUE, ISSUER } from '../helpers/app.ts'
import { SERVER, testDatabase } from '../helpers/database.ts'

const ONLY_SHARED = { skip: SERVER ? false : 'needs a PostgreSQL' }

const SETTINGS = [
  `datestyle = 'German, DMY'`,
  `datestyle = 'SQL, DMY'`,
  `timezone = 'Asia/Kathmandu'`,
  `intervalstyle = 'sql_standard'`,
  `bytea_output = 'escape'`,
  `standard_conforming_strings = off`,
  `client_encoding = 'LATIN1'`,
  `default_transaction_isolation = 'serializable'`,
  `default_transaction_isolation = 'repeatable read'`,
  `default_transaction_deferrable = on`,
]

for (const setting of SETTINGS) {
  t.test(`a database with ${setting} is read as any other`, ONLY_SHARED, async t => {
    const databaseUrl = (await testDatabase(t)).databaseUrl as string
    const place = { databaseUrl, databasePoolSize: 4, dataDir: undefined }
    const admin = await openDatabase(place)
    await admin.query(`alter database ${new URL(databaseUrl).pathname.slice(1)} set ${setting}`)
    await admin.close()
    const db = await openDatabase(place)
    const config = { ...loadConfig({ APP_KEY, ISSUER, LOG_LEVEL: 'silent' }), databaseUrl }
    const services = await createServices({ config, catalogue: CATALOGUE, db })
    await services.ensure()
    const app = await createApp(services)
    t.teardown(() => app.close())
    const { headers } = await actingAs(services, ['tokens:read', 'tokens:write'])
    const expires_at = '2027-02-03T04:05:06.789Z'
    const name = `Zürich ’\\' 東京`
    const payload = { name, expires_at, scopes: ['tokens:read'] }
    const made = await app.inject({ method: 'POST', url: '/api/tokens', headers, payload })
    t.equal(made.statusCode, 201, made.body)
    const { id } = made.json().data
    const read = (await app.inject({ url: `/api/tokens/${id}`, headers })).json().data
    t.match(read, { name, expires_at: made.json().data.expires_at })
    t.ok(Math.abs(Date.parse(read.created_at) - Date.now()) < 60_000, read.created_at)
    const gone = await Promise.all(
      [1, 2, 3].map(() => app.inject({ method: 'DELETE', url: `/api/tokens/${id}`, headers })),
    )
    for (const { statusCode } of gone) t.ok([204, 404].includes(statusCode), String(statusCode))
    const [{ level } = {}] = await db.query<{ level: string }>(
      `select current_setting('transaction_isolation') as level`,
    )
    t.equal(level, 'read committed')
  })
}

t.test('no statement is compiled, whatever the planner expects it to cost', ONLY_SHARED, async t => {
  const databaseUrl = (await testDatabase(t)).databaseUrl as string
  const place = { databaseUrl, databasePoolSize: 4, dataDir: undefined }
  const admin = await openDatabase(place)
  const database = new URL(databaseUrl).pathname.slice(1)
  await admin.query(`alter database ${database} set jit = on`)
  await admin.query(`alter database ${database} set jit_above_cost = 0`)
  await admin.close()
  const db = await openDatabase(place)
  t.teardown(() => db.close())
  const plan = await db.query<Record<string, string>>('explain (analyze) select count(*) from oauth_access_tokens')
  t.notMatch(plan.map(row => row['QUERY PLAN']).join('\n'), /JIT/)
})
