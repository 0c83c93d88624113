import t from 'tap'
import type { FeedMessage } from '../../src/status/feed-batch.ts'
import { actingAs, testApp } from '../helpers/app.ts'

t.test('after a failover that lost commits, reused sequence numbers are not skipped', async t => {
  const { services } = await testApp(t)
  const { db, tokens, lists, feed, bus } = services
  let told: FeedMessage[] = []
  const { client } = await services.clients.create({ name: 'Orders API' })
  t.teardown(await feed.follow(client.id, undefined, ({ messages }) => void told.push(...messages)))
  const [lost, other] = [await actingAs(services), await actingAs(services)]
  await tokens.revoke(lost.user.id, lost.id)
  await lists.catchUp()
  const before = lists.sequence

  await db.query('delete from oauth_status_events where sequence = ?', [before])
  await db.query('update oauth_access_tokens set revoked = false where id = ?', [lost.id])
  await db.query(`select setval(pg_get_serial_sequence('oauth_status_events', 'sequence'), ?, false)`, [before])
  bus.applyRemote({ kind: 'everything' })
  await lists.catchUp()
  t.equal(lists.sequence, before - 1, 'the lists are as the database is')
  const reloads = told.filter(({ kind }) => kind === 'reload')
  t.strictSame(reloads, [{ kind: 'reload', sequence: before - 1 }], 'and readers are told to load them')

  told = []
  await tokens.revoke(other.user.id, other.id)
  await lists.catchUp()
  t.equal(lists.sequence, before)
  const statuses = told.filter(({ kind }) => kind === 'status')
  t.match(statuses, [{ change: { sequence: before, status: 1 } }], 'the number that came again is told')
})
