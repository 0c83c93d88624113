import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createRemote } from '../../../packages/guard/src/index.ts'
import type { DatabaseOptions } from '../../../src/open-database.ts'
import { commandsOn, temporaryFolder } from '../../cli/postern.ts'
import { APP_KEY, newUser } from '../../helpers/app.ts'
import { emptyDatabase, SERVER, testDatabase } from '../../helpers/database.ts'
import { basic, form } from '../../helpers/oauth.ts'
import { freePort } from '../../helpers/port.ts'
import { remote } from '../../helpers/remote.ts'
import { isAccepted, serve, until } from '../../helpers/restored-issuer.ts'
import { listOf, referenceOf } from '../../helpers/status.ts'

const API = 'https://orders.example.com'
const REPORTS = 'https://reports.example.com'
const TOKENS = 1_000

/** A database, and the command line that uses it. */
async function database(t: Test, empty: boolean) {
  const dataDir = join(temporaryFolder(t), 'data')
  if (SERVER) {
    const databaseUrl = empty ? await emptyDatabase(SERVER, t) : ((await testDatabase(t)).databaseUrl as string)
    const place: DatabaseOptions = { databaseUrl, databasePoolSize: 4, dataDir: undefined }
    return { place, postern: commandsOn({ DATABASE_URL: databaseUrl, APP_KEY, DATA_DIR: dataDir }) }
  }
  const filled = empty ? { databaseUrl: undefined, databasePoolSize: 1 } : await testDatabase(t)
  const place: DatabaseOptions = { ...filled, dataDir }
  return { place, postern: commandsOn({ DATA_DIR: dataDir, APP_KEY }) }
}

t.test('a restored issuer gets back the revocations that its guards know', async t => {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const first = await database(t, false)
  let issuer = await serve(port, first.place)
  t.teardown(() => issuer.stop())
  const clients = [
    await issuer.services.clients.create({ name: 'Orders API', audience: API }),
    await issuer.services.clients.create({ name: 'Reports API', audience: REPORTS }),
  ]
  const user = await newUser(issuer.services)
  const other = await newUser(issuer.services)
  const issue = async (owner = user) => {
    const { plainText } = await issuer.services.tokens.issuePersonal({
      user: owner,
      name: 'test',
      scopes: ['orders:read'],
    })
    return plainText
  }
  const lost = await Promise.all(Array.from({ length: TOKENS }, () => issue()))
  const kept = await Promise.all(Array.from({ length: 20 }, () => issue(other)))
  await issuer.stop()
  const backup = join(temporaryFolder(t), 'backup.gz')
  t.match(await first.postern.run(['dump', backup]), { code: 0 })

  issuer = await serve(port, first.place)
  const guards = clients.map(({ client, secret }, i) =>
    createRemote({ issuer: url, audience: [API, REPORTS][i]!, clientId: client.id, clientSecret: secret as string }),
  )
  // One without a client keeps what it knows too, and has nobody to report it as.
  guards.push(createRemote({ issuer: url, audience: API }))
  t.teardown(() => Promise.all(guards.map(guard => guard.close())))
  for (const guard of guards) for (const text of [...lost, ...kept]) await until(() => isAccepted(guard, text))
  t.equal((await issuer.services.tokens.revokeAll(user.id)).count, TOKENS)
  for (const guard of guards) for (const text of lost) await until(async () => !(await isAccepted(guard, text)))
  const lives = async () => {
    const checks = guards.flatMap(guard => lost.map(text => isAccepted(guard, text)))
    return (await Promise.all(checks)).filter(Boolean).length
  }

  await issuer.stop()
  const second = await database(t, true)
  let isRestoring = true
  const restoring = second.postern.run(['restore', backup, '--collect']).finally(() => {
    isRestoring = false
  })
  let accepted = 0
  for (; isRestoring; accepted += await lives());
  t.equal(accepted, 0, 'while the backup is restored')
  t.match(await restoring, { code: 0, stderr: '' })
  issuer = await serve(port, second.place)
  const fresh = await issue()
  const liveRows = async () => {
    const [row] = await issuer.services.db.query<{ count: number }>(
      'select count(*)::int as count from oauth_access_tokens where user_id = ? and not revoked',
      [user.id],
    )
    return row?.count
  }
  t.equal(await liveRows(), TOKENS + 1, 'the backup has all of them live')
  do t.equal(await lives(), 0, 'while the guards report')
  while ((await liveRows()) !== 1)

  const app = remote(url)
  const { client, secret } = clients[0]!
  const reference = referenceOf(fresh)
  const hostile = await app.inject({
    method: 'POST',
    url: '/oauth/lost-revocations',
    headers: basic(client.id, secret),
    payload: { lists: [{ list: listOf(reference), revoked: [reference.idx] }] },
  })
  t.strictSame(
    [hostile.statusCode, hostile.json()],
    [200, { recovered: 0 }],
    'a token since the restore cannot be lost',
  )
  const isActive = async (token: string) =>
    (await form(app, '/oauth/introspect', { token }, basic(client.id, secret))).json().active
  const active = await Promise.all(lost.map(isActive))
  t.equal(active.filter(Boolean).length, 0, 'the issuer refuses all of them')
  for (const text of [...kept, fresh]) t.equal(await isActive(text), true, 'the issuer accepts the others')
  const restarted = createRemote({ issuer: url, audience: API })
  t.teardown(() => restarted.close())
  const again = await Promise.all(lost.map(text => isAccepted(restarted, text)))
  t.equal(again.filter(Boolean).length, 0, 'so does a restarted guard')
  for (const guard of [...guards, restarted]) {
    for (const text of [...kept, fresh]) await until(() => isAccepted(guard, text))
  }
  t.equal(await lives(), 0, 'after it')
  const events = await issuer.services.db.query<{ actor_client_id: string; details: { recovered: number } }>(
    "select actor_client_id, details from audit_events where kind = 'revocations.recovered'",
  )
  t.ok(events.every(event => clients.some(each => each.client.id === event.actor_client_id)))
  t.equal(
    events.reduce((sum, { details }) => sum + details.recovered, 0),
    TOKENS,
  )
  await issuer.stop()
  const { collection } = await second.postern.json(['restored', '--check'])
  t.match(collection, { open: true, clients: null })
  t.equal(
    collection.recovered.reduce((sum: number, { revocations }: { revocations: number }) => sum + revocations, 0),
    TOKENS,
  )
})
