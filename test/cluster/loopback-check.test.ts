import t, { type Test } from 'tap'
import { actingAs } from '../helpers/app.ts'
import { SERVER, testDatabase } from '../helpers/database.ts'
import { NO_POOLER, openPooler } from '../helpers/pgbouncer.ts'
import { connected, eventually, METRICS_TOKEN, type Node, ONLY_SHARED, openNode, status } from './nodes.ts'

const WITH_POOLER = { skip: ONLY_SHARED.skip || NO_POOLER }

const databaseOf = async (t: Test) => (await testDatabase(t)).databaseUrl as string
const ready = async ({ app }: Node) => (await app.inject('/health/ready')).statusCode
const metric = async ({ app }: Node) =>
  (await app.inject({ url: '/metrics', headers: { authorization: `Bearer ${METRICS_TOKEN}` } })).body.match(
    /^postern_listening (\d)$/m,
  )?.[1]
const said = async ({ services }: Node) =>
  (await services.db.query<{ hearing: boolean }>('select hearing from nodes')).map(node => node.hearing)

/** A node that cannot hear is told so, says so everywhere, and lets nothing in that was revoked at another. */
async function isDeafAndRight(t: Test, deaf: Node, there: Node): Promise<void> {
  t.ok(await eventually(() => deaf.errors.length > 0, deaf), 'it notices that its own message did not arrive')
  t.match(deaf.errors, [/DATABASE_LISTEN_URL/], 'and names the variable')
  t.notOk(deaf.services.bus.connected)
  t.equal(await ready(deaf), 503, 'it is not ready')
  t.match((await deaf.app.inject('/health/ready')).json().detail, /DATABASE_LISTEN_URL/)
  t.equal(await metric(deaf), '0')
  t.ok(await eventually(async () => (await said(deaf)).includes(false), deaf), '`postern status` shows it')
  for (let round = 0; round < 3; round++) {
    const { user, id, headers } = await actingAs(there.services)
    t.equal(await status(deaf, headers), 200)
    await there.services.tokens.revoke(user.id, id)
    t.equal(await status(deaf, headers), 401, 'what another node revoked is refused at the next request')
  }
  await eventually(() => false, deaf)
  t.equal(deaf.errors.length, 1, 'the error is logged once, not with each heartbeat')
}

t.test('everything through a pooler in transaction mode', WITH_POOLER, async t => {
  const databaseUrl = await databaseOf(t)
  const pooled = await openPooler(t, databaseUrl, 'transaction')
  const [one, two] = [await openNode(t, pooled), await openNode(t, pooled)]
  await isDeafAndRight(t, one, two)
})

t.test('the pool through a pooler, and a direct connection to listen', WITH_POOLER, async t => {
  const databaseUrl = await databaseOf(t)
  const pooled = await openPooler(t, databaseUrl, 'transaction')
  const [one, two] = [await openNode(t, pooled, databaseUrl), await openNode(t, pooled, databaseUrl)]
  t.ok((await connected(one)) && (await connected(two)))
  const { user, id, headers } = await actingAs(one.services)
  t.equal(await status(two, headers), 200)
  await one.services.tokens.revoke(user.id, id)
  t.ok(await eventually(async () => (await status(two, headers)) === 401, two))
  t.equal(await ready(two), 200)
  t.equal(await metric(two), '1')
  t.strictSame([one.errors, two.errors], [[], []])
})

t.test('a pooler in session mode carries everything', WITH_POOLER, async t => {
  const pooled = await openPooler(t, await databaseOf(t), 'session')
  const node = await openNode(t, pooled)
  t.ok(await connected(node))
  t.strictSame(node.errors, [])
})

t.test('a connection for LISTEN to another database', ONLY_SHARED, async t => {
  const databaseUrl = await databaseOf(t)
  const there = await openNode(t, databaseUrl)
  await isDeafAndRight(t, await openNode(t, databaseUrl, SERVER), there)
  t.ok(await connected(there), 'the other node hears all the while')
  t.equal(await ready(there), 200)
})

t.test('a busy pool does not disconnect a node', ONLY_SHARED, async t => {
  const node = await openNode(t, await databaseOf(t))
  t.ok(await connected(node))
  const { version } = node.services.bus
  await Promise.all(Array.from({ length: 4 }, () => node.services.db.query('select pg_sleep(2)')))
  t.ok(node.services.bus.connected)
  t.equal(node.services.bus.version, version, 'and nothing in memory was dropped')
  t.strictSame([node.warnings, node.errors], [[], []])
})
