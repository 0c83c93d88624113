import t, { type Test } from 'tap'
import { CHANNEL } from '../../src/cluster/invalidation-bus.ts'
import { actingAs } from '../helpers/app.ts'
import { testDatabase } from '../helpers/database.ts'
import { openTcpProxy, type TcpProxy } from '../helpers/tcp-proxy.ts'
import { connected, eventually, type Node, ONLY_SHARED, openNode, status } from './nodes.ts'

interface Pair {
  here: Node
  /** Hears over a wire that can break, and asks over one that cannot. */
  there: Node
  proxy: TcpProxy
}

async function openPair(t: Test): Promise<Pair> {
  const databaseUrl = (await testDatabase(t)).databaseUrl as string
  const proxy = await openTcpProxy(t, databaseUrl)
  const here = await openNode(t, databaseUrl)
  const there = await openNode(t, databaseUrl, proxy.url)
  t.ok((await connected(here)) && (await connected(there)), 'both nodes hear')
  return { here, there, proxy }
}

const deaf = (node: Node) => eventually(() => !node.services.bus.connected, node)

t.test(
  'a node without notifications queries the database for every token, and catches up afterwards',
  ONLY_SHARED,
  async t => {
    const { here, there, proxy } = await openPair(t)
    const revoked = await actingAs(here.services)
    const live = await actingAs(here.services, ['tokens:read'])
    for (const { headers } of [revoked, live]) t.equal(await status(there, headers), 200)

    proxy.cut()
    t.ok(await deaf(there), 'it notices')
    t.match(there.warnings, [/lost the connection that receives notifications/], 'and says so, once')
    await here.services.tokens.revoke(revoked.user.id, revoked.id)
    t.equal(await status(there, revoked.headers), 401, 'what was revoked meanwhile is refused at the first request')
    t.equal(await status(there, live.headers), 200, 'what is live is still let in')
    await here.services.tokens.change(live.user, live.id, { scopes: [] })
    t.equal(await status(there, live.headers, '/api/tokens'), 403, 'with the scopes it has now')

    proxy.restore()
    t.ok(await connected(there), 'it hears again')
    t.equal(await status(there, revoked.headers), 401)
    t.equal(await status(there, live.headers), 200)
    await here.services.tokens.revoke(live.user.id, live.id)
    t.ok(await eventually(async () => (await status(there, live.headers)) === 401, there), 'and obeys')
    t.equal(there.warnings.length, 1)
  },
)

t.test('a revocation in an unnoticed gap is applied once the gap is noticed', ONLY_SHARED, async t => {
  const { here, there, proxy } = await openPair(t)
  const { user, id, headers } = await actingAs(here.services)
  t.equal(await status(there, headers), 200)
  proxy.block()
  await here.services.tokens.revoke(user.id, id)
  t.ok(there.services.bus.connected, 'it cannot know yet')
  t.ok(await eventually(async () => (await status(there, headers)) === 401, there), 'no sign of life is a gap')
  t.notOk(there.services.bus.connected)
  proxy.restore()
  t.ok(await connected(there))
  t.equal(await status(there, headers), 401)
})

t.test('the server closes the listening connection', ONLY_SHARED, async t => {
  const { here, there } = await openPair(t)
  const { id, headers } = await actingAs(here.services)
  t.equal(await status(there, headers), 200)
  // In one statement, so that the revocation falls into the gap whatever the listeners do.
  const ended = await here.services.db.query<{ ended: boolean }>(
    `with gone as materialized (
       select pg_terminate_backend(pid) as ended from pg_stat_activity
       where datname = current_database() and application_name = 'postern changes'
     ), revoked as (update oauth_access_tokens set revoked = true where id = ? returning 1)
     select ended from gone, revoked`,
    [id],
  )
  t.strictSame(ended, [{ ended: true }, { ended: true }], 'of both nodes')
  for (const node of [here, there]) {
    t.ok(await eventually(async () => (await status(node, headers)) === 401, node), 'refused though nobody told')
    t.ok(await connected(node), 'and it hears again')
    t.equal(await status(node, headers), 401)
  }
})

t.test('an unreadable message clears the caches, and causes no error', ONLY_SHARED, async t => {
  const { here, there } = await openPair(t)
  const { id, headers } = await actingAs(here.services)
  for (const payload of ['', 'nonsense', '{}', 'null', '"token"', '[{}]', '[null]']) {
    t.equal(await status(there, headers), 200)
    const { version } = there.services.bus
    await here.services.db.query(`select pg_notify(?, ?)`, [CHANNEL, payload])
    t.ok(await eventually(() => there.services.bus.version > version, there), `${payload || 'nothing'} is heard`)
  }
  await here.services.db.query('update oauth_access_tokens set revoked = true where id = ?', [id])
  await here.services.db.query(`select pg_notify(?, ?)`, [CHANNEL, 'nonsense'])
  t.ok(await eventually(async () => (await status(there, headers)) === 401, there))
  t.ok(there.services.bus.connected)
})

t.test('a node closes while it is not connected', ONLY_SHARED, async t => {
  const { there, proxy } = await openPair(t)
  proxy.block()
  await there.services.close()
  t.notOk(there.services.bus.connected)
})
