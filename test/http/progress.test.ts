import t from 'tap'
import { createApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config/config.ts'
import { openDatabase } from '../../src/open-database.ts'
import { createServices } from '../../src/services.ts'
import { ONLY_SHARED } from '../cluster/nodes.ts'
import { APP_KEY, actingAs, CATALOGUE, ISSUER } from '../helpers/app.ts'
import { testDatabase } from '../helpers/database.ts'
import { opens } from '../helpers/granted-tokens.ts'
import { copyToken } from '../helpers/many.ts'
import { requester } from '../helpers/requester.ts'

/** More than a batch. */
const MANY = 1_500

t.test('what is not finished in time is 202, and goes on by itself or by the same request', ONLY_SHARED, async t => {
  const where = await testDatabase(t)
  // DATABASE_TIMEOUT, in seconds: what waits for a lock for longer is cancelled.
  const settings = { ...loadConfig({ APP_KEY, ISSUER, LOG_LEVEL: 'silent' }), databaseTimeout: 1 }
  const db = await openDatabase({ ...where, databaseTimeout: settings.databaseTimeout })
  const services = await createServices({ config: settings, catalogue: CATALOGUE, db })
  t.teardown(() => services.close())
  await services.ensure()
  const app = await createApp(services)
  const { user, token, headers } = await actingAs(services, ['tokens:write'])
  const spare = await actingAs(services, ['orders:read'], { user })
  await copyToken(services, spare.id, MANY)
  const left = async () => {
    const [row] = await db.query<{ n: number }>(
      'select count(*)::int as n from oauth_access_tokens where user_id = ? and not revoked',
      [user.id],
    )
    return row?.n
  }

  await db.transaction(async em => {
    await em.execute('select id from oauth_access_tokens where user_id = ? order by id desc limit 1 for update', [
      user.id,
    ])
    const answer = await requester(app, headers).delete('/api/tokens')
    t.equal(answer.statusCode, 202, answer.body)
    const { data, operation } = answer.json()
    t.strictSame(data, { count: 1_000, complete: false })
    t.match(operation, { status: 'running', count: 1_000, total: MANY + 2 })
    t.equal(answer.headers.location, `/api/operations/${operation.id}`)
    const shown = await requester(app, headers).get(answer.headers.location as string)
    t.strictSame(shown.json().data, operation)
    t.equal(await left(), MANY + 2 - 1_000, 'what was answered is done, and the rest is as before')
  })
  t.equal(await opens(app, token), 200, 'the token that asks goes last')
  const rest = await requester(app, headers).delete('/api/tokens')
  t.strictSame([rest.statusCode, rest.json()], [200, { data: { count: MANY + 2 - 1_000 } }])
  t.equal(await left(), 0)
  t.equal(await opens(app, token), 401)
})
