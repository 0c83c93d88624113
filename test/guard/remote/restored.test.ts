import { cpSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import t, { type Test } from 'tap'
import { createRemote } from '../../../packages/guard/src/index.ts'
import type { DatabaseOptions } from '../../../src/open-database.ts'
import type { Services } from '../../../src/services.ts'
import { newUser } from '../../helpers/app.ts'
import { SERVER, testDatabase } from '../../helpers/database.ts'
import { freePort } from '../../helpers/port.ts'
import { isAccepted, serve, until } from '../../helpers/restored-issuer.ts'

const API = 'https://orders.example.com'
const TOKENS = 1_000

/** A database of this test's own that can be copied while no server uses it. */
async function database(t: Test): Promise<DatabaseOptions> {
  const place = await testDatabase(t)
  return place.databaseUrl ? place : { ...place, dataDir: join(t.testdir({}), 'data') }
}

/** A copy of the whole database, as a backup of its files or `pg_dump` makes one. */
async function backUp(t: Test, place: DatabaseOptions): Promise<DatabaseOptions> {
  if (!place.databaseUrl) {
    const dataDir = `${place.dataDir}-backup`
    cpSync(place.dataDir as string, dataDir, { recursive: true })
    return { ...place, dataDir }
  }
  const url = new URL(place.databaseUrl)
  const [from, to] = [url.pathname.slice(1), `${url.pathname.slice(1)}_backup`]
  const run = async (sql: string) => {
    const client = new pg.Client({ connectionString: SERVER })
    await client.connect()
    await client.query(sql).finally(() => client.end())
  }
  await run(`create database ${to} template ${from}`)
  t.teardown(() => run(`drop database if exists ${to} with (force)`))
  url.pathname = `/${to}`
  return { ...place, databaseUrl: url.href }
}

t.test('what was revoked after the backup stays revoked at every guard', async t => {
  const port = await freePort()
  const place = await database(t)
  let issuer = await serve(port, place)
  t.teardown(() => issuer.stop())
  const { client, secret } = await issuer.services.clients.create({ name: 'Orders API', audience: API })
  const user = await newUser(issuer.services)
  const issue = async ({ tokens }: Services, format: 'jwt' | 'opaque' = 'jwt') => {
    const issued = await tokens.issuePersonal({ user, name: 'test', scopes: ['orders:read'], format })
    return { id: issued.token.id, text: issued.plainText }
  }
  const leaked = await Promise.all(Array.from({ length: TOKENS }, () => issue(issuer.services)))
  leaked.push(await issue(issuer.services, 'opaque'))
  const [kept, later] = [await issue(issuer.services), await issue(issuer.services)]
  await issuer.stop()
  const backup = await backUp(t, place)

  issuer = await serve(port, place)
  const credentials = { clientId: client.id, clientSecret: secret as string }
  const guards = [1, 2, 3].map(() =>
    createRemote({ issuer: `http://127.0.0.1:${port}`, audience: API, ...credentials }),
  )
  t.teardown(() => Promise.all(guards.map(guard => guard.close())))
  for (const guard of guards) {
    for (const { text } of [...leaked, kept, later]) await until(() => isAccepted(guard, text))
  }
  await Promise.all(leaked.map(({ id }) => issuer.services.tokens.revoke(user.id, id)))
  for (const guard of guards) for (const { text } of leaked) await until(async () => !(await isAccepted(guard, text)))
  const lives = async () => {
    const checks = guards.flatMap(guard => leaked.map(({ text }) => isAccepted(guard, text)))
    return (await Promise.all(checks)).filter(Boolean).length
  }

  await issuer.stop()
  t.equal(await lives(), 0, 'while the issuer is away')
  issuer = await serve(port, backup)
  for (const guard of guards) {
    while (!(await isAccepted(guard, kept.text))) t.equal(await lives(), 0, 'while the guards connect again')
  }
  t.equal(await lives(), 0, 'at the restored issuer')
  await issuer.services.tokens.revoke(user.id, later.id)
  for (const guard of guards) await until(async () => !(await isAccepted(guard, later.text)))
  t.pass('a revocation whose sequence number was used before is obeyed')
  for (const guard of guards) {
    await until(async () => await isAccepted(guard, kept.text))
    t.equal(await lives(), 0, 'after the lists were fetched again')
  }
})
