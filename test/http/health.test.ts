import t from 'tap'
import { createApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config/config.ts'
import { openDatabase } from '../../src/open-database.ts'
import { createServices } from '../../src/services.ts'
import { APP_KEY, actingAs, CATALOGUE, ISSUER, testApp } from '../helpers/app.ts'
import { SERVER, testDatabase } from '../helpers/database.ts'
import { bearer } from '../helpers/requester.ts'
import { openTcpProxy } from '../helpers/tcp-proxy.ts'

const ONLY_SHARED = { skip: SERVER ? false : 'needs a PostgreSQL' }
type Test = Parameters<typeof testDatabase>[0]

async function served(t: Test, databaseUrl: string, env: Record<string, string> = {}) {
  const config = { ...loadConfig({ APP_KEY, ISSUER, LOG_LEVEL: 'silent', ...env }), databaseUrl }
  const services = await createServices({ config, catalogue: CATALOGUE, db: await openDatabase(config) })
  await services.ensure()
  const app = await createApp(services)
  t.teardown(() => app.close())
  await app.ready()
  return { app, services }
}

t.test('a server with a database that it can write to is ready', async t => {
  const { app } = await testApp(t)
  t.equal((await app.inject('/health/ready')).statusCode, 200)
})

t.test(
  'a database that can only be read is not ready, and is used again once it can be written',
  ONLY_SHARED,
  async t => {
    const databaseUrl = (await testDatabase(t)).databaseUrl as string
    const admin = await openDatabase({ databaseUrl, databasePoolSize: 1, dataDir: undefined })
    t.teardown(() => admin.close())
    const METRICS_TOKEN = 'm'.repeat(40)
    const { app, services } = await served(t, databaseUrl, { METRICS_TOKEN })
    const { headers } = await actingAs(services, ['tokens:read', 'tokens:write'])
    const name = new URL(databaseUrl).pathname.slice(1)
    await admin.query(`alter database ${name} set default_transaction_read_only = on`)
    await admin.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    )
    const create = () => app.inject({ method: 'POST', url: '/api/tokens', headers, payload: { name: 'x' } })
    for (let i = 0; i < 3; i++) {
      const refused = await create()
      t.equal(refused.statusCode, 503, refused.body)
      t.match(refused.headers['retry-after'], /^\d+$/)
      t.match(refused.json(), { type: 'urn:postern:error:temporarily_unavailable', status: 503 })
    }
    t.equal((await app.inject('/health/ready')).statusCode, 503)
    const metrics = await app.inject({ url: '/metrics', headers: bearer(METRICS_TOKEN) })
    t.match(metrics.body, /^postern_ready 0$/m)
    const form = await app.inject({
      method: 'POST',
      url: '/oauth/device_authorization',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: 'client_id=nobody',
    })
    t.not(form.statusCode, 500, 'nor is anything a fault of the server')
    await admin.query(`alter database ${name} reset default_transaction_read_only`)
    let again = await create()
    for (let i = 0; i < 20 && again.statusCode === 503; i++) again = await create()
    t.equal(again.statusCode, 201, 'without a restart')
    t.equal((await app.inject('/health/ready')).statusCode, 200)
  },
)

t.test(
  'a database that says nothing makes the server unready within moments, however often it is asked',
  ONLY_SHARED,
  async t => {
    const proxy = await openTcpProxy(t, (await testDatabase(t)).databaseUrl as string)
    const { app } = await served(t, proxy.url, { DATABASE_TIMEOUT: 'PT3S' })
    t.equal((await app.inject('/health/ready')).statusCode, 200)
    proxy.block()
    const begun = Date.now()
    const answers = await Promise.all(Array.from({ length: 20 }, () => app.inject('/health/ready')))
    t.ok(Date.now() - begun < 2_500, 'it has a limit of its own')
    for (const { statusCode } of answers) t.equal(statusCode, 503)
    t.equal((await app.inject('/health/live')).statusCode, 200)
    proxy.restore()
  },
)
