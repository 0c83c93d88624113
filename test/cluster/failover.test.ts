import t from 'tap'
import { migrate } from '../../src/database/migrations.ts'
import { openDatabase } from '../../src/open-database.ts'
import { actingAs } from '../helpers/app.ts'
import { testDatabase } from '../helpers/database.ts'
import { NO_REPLICATION, openReplication } from '../helpers/replication.ts'
import { openTcpProxy } from '../helpers/tcp-proxy.ts'
import { connected, type Node, ONLY_SHARED, openNode, status } from './nodes.ts'

const ready = async ({ app }: Node) => (await app.inject({ url: '/health/ready' })).statusCode

/** Repeats a request, which takes until a connection timeout at most, until the condition holds. */
async function until(condition: () => Promise<boolean>): Promise<boolean> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (await condition()) return true
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  return false
}

t.test('a URL of several hosts connects to one that responds', ONLY_SHARED, async t => {
  const databaseUrl = (await testDatabase(t)).databaseUrl as string
  const first = await openTcpProxy(t, databaseUrl)
  const second = await openTcpProxy(t, databaseUrl)
  const url = new URL(databaseUrl)
  const hosts = `${new URL(first.url).host},${new URL(second.url).host}`
  first.cut()
  const node = await openNode(t, databaseUrl.replace(url.host, hosts))
  t.ok(await connected(node), 'it receives notifications by the second host')
  const { headers } = await actingAs(node.services)
  t.equal(await status(node, headers), 200)

  first.restore()
  second.cut()
  t.ok(await until(async () => (await ready(node)) === 200), 'it moves to the first host')
  t.equal(await status(node, headers), 200)
  t.ok(await connected(node))

  first.cut()
  t.ok(await until(async () => (await ready(node)) === 503), 'without a host it is not ready')
  t.equal(await status(node, headers), 503)
  second.restore()
  t.ok(await until(async () => (await ready(node)) === 200))
})

t.test('after the promotion of a standby no acknowledged change is lost', { skip: NO_REPLICATION }, async t => {
  const { primary, standby, url } = await openReplication(t)
  const databaseUrl = url('postgres')
  const db = await openDatabase({ databaseUrl, databasePoolSize: 1, dataDir: undefined })
  await migrate(db)
  await db.close()
  const node = await openNode(t, databaseUrl)
  t.ok(await connected(node))
  const live = await actingAs(node.services, ['tokens:read'])
  const revoked = await actingAs(node.services)
  await node.services.tokens.revoke(revoked.user.id, revoked.id)
  t.equal(await ready(node), 200)

  primary.kill()
  t.ok(await until(async () => (await ready(node)) === 503), 'without a primary the node is not ready')
  t.equal(await status(node, live.headers), 503, 'a standby is not used for checks either')
  t.equal(await status(node, revoked.headers), 503)

  standby.promote()
  t.ok(await until(async () => (await ready(node)) === 200), 'it finds the new primary')
  t.ok(await connected(node), 'and receives its notifications')
  t.equal(await status(node, live.headers), 200)
  t.equal(await status(node, revoked.headers), 401)

  primary.demote()
  primary.start()
  const late = await actingAs(node.services)
  await node.services.tokens.revoke(late.user.id, late.id)
  t.equal(await status(node, late.headers), 401)
  const other = await openNode(t, databaseUrl)
  t.ok(await connected(other), 'a new node skips the former primary, which comes first in its URL')
  t.equal(await status(other, live.headers), 200)
  t.equal(await status(other, late.headers), 401)
})
