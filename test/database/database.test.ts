import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import t from 'tap'
import { createApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config/config.ts'
import type { Database } from '../../src/database/database.ts'
import { unavailable } from '../../src/errors/errors.ts'
import { ensureFirstAdministrator } from '../../src/first-run.ts'
import { openDatabase } from '../../src/open-database.ts'
import { createServices, type Services } from '../../src/services.ts'
import { APP_KEY, actingAs, CATALOGUE, ISSUER, newUser, PASSWORD } from '../helpers/app.ts'
import { openTestDatabase, SERVER, testDatabase } from '../helpers/database.ts'
import { openTcpProxy, type TcpProxy } from '../helpers/tcp-proxy.ts'

const ONLY_SHARED = { skip: SERVER ? false : 'needs a PostgreSQL' }
const POOL = 2

type Test = Parameters<typeof testDatabase>[0]

async function openHouseAt(t: Test, databaseUrl: string, databaseTimeout?: number): Promise<Services> {
  const db = await openDatabase({ databaseUrl, databasePoolSize: POOL, databaseTimeout, dataDir: undefined })
  const config = { ...loadConfig({ APP_KEY, ISSUER, LOG_LEVEL: 'silent' }), databaseUrl }
  const services = await createServices({ config, catalogue: CATALOGUE, db })
  t.teardown(() => services.close())
  return services
}

/** A server whose wire to its database can break. */
async function openWired(
  t: Test,
  timeout?: number,
): Promise<{ app: FastifyInstance; services: Services; proxy: TcpProxy }> {
  const proxy = await openTcpProxy(t, (await testDatabase(t)).databaseUrl as string)
  const services = await openHouseAt(t, proxy.url, timeout)
  await services.ensure()
  return { app: await createApp(services), services, proxy }
}

const isAway = ({ statusCode, headers }: LightMyRequestResponse) =>
  statusCode === 503 && /^\d+$/.test(String(headers['retry-after']))

t.test('without a database every route responds with an error', ONLY_SHARED, async t => {
  const { app, services, proxy } = await openWired(t)
  const scopes = ['tokens:read', 'tokens:write', 'admin:read', 'admin:write']
  const { user, id, headers } = await actingAs(services, scopes, { role: 'admin' })
  t.equal((await app.inject({ url: '/api/user', headers })).statusCode, 200)
  proxy.cut()

  const questions = [
    { method: 'GET', url: '/api/user' },
    { method: 'GET', url: '/api/tokens' },
    { method: 'POST', url: '/api/tokens', payload: { name: 'x' } },
    { method: 'PATCH', url: `/api/tokens/${id}`, payload: { name: 'x' } },
    { method: 'POST', url: `/api/tokens/${id}/rotate` },
    { method: 'DELETE', url: `/api/tokens/${id}` },
    { method: 'DELETE', url: '/api/tokens' },
    { method: 'DELETE', url: '/api/tokens/current' },
    { method: 'GET', url: '/admin/users' },
    { method: 'POST', url: '/admin/keys/rotate' },
  ] as const
  for (const question of questions) {
    const answer = await app.inject({ ...question, headers })
    t.ok(isAway(answer), `${question.method} ${question.url} is ${answer.statusCode}`)
    t.match(answer.headers['content-type'], 'application/problem+json')
    t.notMatch(answer.body, /ECONN|127\.0\.0\.1|select|postgres/i, 'without a word of what is behind it')
  }
  const password = { email: user.email, password: PASSWORD, device_name: 'x' }
  t.ok(isAway(await app.inject({ method: 'POST', url: '/api/tokens', payload: password })), 'signing in')
  t.ok(isAway(await app.inject('/health/ready')), 'and whoever runs it is told')
  for (const url of ['/health/live', '/scopes', '/.well-known/jwks.json']) {
    t.equal((await app.inject(url)).statusCode, 200, `${url} needs no database`)
  }

  proxy.restore()
  t.equal((await app.inject({ url: '/api/user', headers })).statusCode, 200, 'and back, with nothing changed')
})

t.test('when the database stops responding, requests time out', ONLY_SHARED, async t => {
  const { app, services, proxy } = await openWired(t, 1)
  const { id, headers } = await actingAs(services, ['tokens:read', 'tokens:write'])
  t.equal((await app.inject({ url: '/api/tokens', headers })).statusCode, 200)
  proxy.block()
  // More than there are connections, and in a transaction as well as by one statement.
  const questions = [
    { method: 'GET', url: '/api/tokens' },
    { method: 'POST', url: '/api/tokens', payload: { name: 'x' } },
    { method: 'DELETE', url: `/api/tokens/${id}` },
    { method: 'PATCH', url: `/api/tokens/${id}`, payload: { name: 'x' } },
  ] as const
  const answers = await Promise.all(questions.map(question => app.inject({ ...question, headers })))
  for (const [i, answer] of answers.entries()) t.ok(isAway(answer), `${questions[i]?.method} is ${answer.statusCode}`)

  proxy.restore()
  t.equal((await app.inject({ url: '/api/tokens', headers })).statusCode, 200, 'on connections of its own again')
})

t.test('a statement that waits too long for a lock is cancelled', ONLY_SHARED, async t => {
  const { databaseUrl } = await testDatabase(t)
  const services = await openHouseAt(t, databaseUrl as string, 1)
  const other = await openHouseAt(t, databaseUrl as string)
  await services.ensure()
  const app = await createApp(services)
  const { id, headers } = await actingAs(services, ['tokens:read', 'tokens:write'])
  const held = Promise.withResolvers<void>()
  const free = Promise.withResolvers<void>()
  const holding = other.db.transaction(async em => {
    await em.execute('select from oauth_access_tokens where id = ? for update', [id])
    held.resolve()
    await free.promise
  })
  await held.promise
  t.ok(isAway(await app.inject({ method: 'DELETE', url: `/api/tokens/${id}`, headers })), 'whoever asked is told')
  const waiting = await other.db.query(
    `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  )
  t.equal(waiting.length, 0, 'nobody waits there for what nobody waits for here')
  free.resolve()
  await holding
  t.equal((await app.inject({ url: '/api/tokens', headers })).statusCode, 200, 'and nothing has changed')
})

t.test('a result after a cancel request is discarded', ONLY_SHARED, async t => {
  const db = await openDatabase({ ...(await testDatabase(t)), databaseTimeout: 0.2 })
  t.teardown(() => db.close())
  const deaf = 'do $$ begin perform pg_sleep(10); exception when query_canceled then null; end $$'
  await t.rejects(db.query(deaf), unavailable() as Error)
  await t.rejects(
    db.transaction(em => em.execute(deaf)),
    unavailable() as Error,
  )
  t.strictSame(await db.query('select 1 as one'), [{ one: 1 }], 'and the next is asked on another connection')
})

const MOMENTS: [moment: RegExp, what: 'one' | 'all'][] = [
  [/revoke_tokens/, 'one'],
  [/begin|start transaction/i, 'all'],
  [/revoke_token_set/, 'all'],
  [/commit/i, 'all'],
]

for (const [moment, what] of MOMENTS) {
  t.test(`the database goes away just before ${moment} of revoking ${what}`, ONLY_SHARED, async t => {
    const { app, services, proxy } = await openWired(t)
    const { id, headers } = await actingAs(services, ['tokens:write'])
    const url = what === 'one' ? `/api/tokens/${id}` : '/api/tokens'
    // What a start asks of the database is behind it.
    await app.ready()
    // More often than there are connections: none of them may be lost to the pool.
    proxy.cutBefore(moment)
    for (let i = 0; i < POOL * 3; i++) {
      const answer = await app.inject({ method: 'DELETE', url, headers })
      t.ok(isAway(answer), `it is not said to be done: ${answer.statusCode}`)
    }
    proxy.restore()
    t.equal((await app.inject({ url: '/api/user', headers })).statusCode, 200, 'nor is it')
    t.equal((await app.inject({ method: 'DELETE', url, headers })).statusCode, 204)
    t.equal((await app.inject({ url: '/api/user', headers })).statusCode, 401)
  })
}

t.test('a deadlock is retried', ONLY_SHARED, async t => {
  const services = await openHouseAt(t, (await testDatabase(t)).databaseUrl as string)
  await services.ensure()
  const one = await newUser(services)
  const two = await newUser(services)
  const both = Promise.withResolvers<void>()
  let holding = 0
  const swap = (first: string, second: string, name: string) =>
    services.db.transaction(async em => {
      const rename = (id: string) => em.execute('update users set name = ? where id = ?', [name, id])
      await rename(first)
      if (++holding >= 2) both.resolve()
      await both.promise
      await rename(second)
    })
  await Promise.all([swap(one.id, two.id, 'Ada'), swap(two.id, one.id, 'Grace')])
  t.ok(holding > 2, 'one of them was tried again')
  const rows = await services.db.query<{ name: string }>('select distinct name from users')
  t.equal(rows.length, 1, 'and each was done whole')
})

for (const code of ['40001', '40P01']) {
  t.test(`work that the database wants tried again (${code}) is`, async t => {
    const db = await openTestDatabase(t)
    t.teardown(() => db.close())
    await db.query('create table tries (n int)')
    t.equal(await failing(db, code, 2), 3, 'it succeeds at the third')
    t.strictSame(await db.query('select n from tries'), [{ n: 3 }], 'and what failed left nothing')
    await t.rejects(failing(db, code, Infinity), { code: 'temporarily_unavailable' }, 'but not for ever')
    await t.rejects(failing(db, '22012', 1), { code: '22012' }, 'an error of ours is not tried again')
  })
}

async function failing(db: Database, code: string, times: number): Promise<number> {
  let tries = 0
  await db.transaction(async em => {
    tries++
    await em.execute('insert into tries values (?)', [tries])
    if (tries <= times) await em.execute(`do $$ begin raise exception 'again' using errcode = '${code}'; end $$`)
  })
  return tries
}

t.test('a closing database completes earlier statements, and rejects later ones', async t => {
  const db = await openDatabase({ ...(await testDatabase(t)), databasePoolSize: POOL })
  // One has a connection, one has it made for it, and the others wait for a turn.
  const asked = Array.from({ length: 5 }, (_, n) => db.query<{ n: number }>('select ?::int as n', [n]))
  await new Promise(setImmediate)
  await db.close()
  t.strictSame(
    (await Promise.all(asked)).flat(),
    [0, 1, 2, 3, 4].map(n => ({ n })),
  )
  const later = [() => db.query('select 1'), () => db.call('now', []), () => db.run(em => em.execute('select 1'))]
  for (const ask of later) await t.rejects(ask(), unavailable() as Error, 'nor is it opened again')
})

t.test('nodes that start concurrently on an empty database create everything once', ONLY_SHARED, async t => {
  const databaseUrl = (await testDatabase(t)).databaseUrl as string
  const houses = await Promise.all(Array.from({ length: 4 }, () => openHouseAt(t, databaseUrl)))
  await Promise.all(houses.map(services => services.ensure()))
  const made = await Promise.all(houses.map(services => ensureFirstAdministrator(services)))
  t.equal(made.filter(Boolean).length, 1, 'one node shows the password of the one administrator')
  const [services] = houses as [Services]
  t.strictSame((await services.keys.list()).map(key => key.state).sort(), ['current', 'next'])
  const clients = await services.db.query(`select 1 from oauth_clients where personal_access`)
  t.equal(clients.length, 1)
  t.equal(await services.users.count(), 1)
  const { token } = await actingAs(services)
  for (const other of houses) t.ok(await other.authenticate(token), 'and all agree on the keys')
})
