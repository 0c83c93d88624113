import t, { type Test } from 'tap'
import { CHANNEL } from '../../src/cluster/changes.ts'
import { actingAs } from '../helpers/app.ts'
import { testDatabase } from '../helpers/database.ts'
import { openWire, type Wire } from '../helpers/wire.ts'
import { eventually, hearing, type Node, ONLY_SHARED, openNode, status } from './nodes.ts'

interface Pair {
  here: Node
  /** Hears over a wire that can break, and asks over one that cannot. */
  there: Node
  wire: Wire
}

async function openPair(t: Test): Promise<Pair> {
  const databaseUrl = (await testDatabase(t)).databaseUrl as string
  const wire = await openWire(t, databaseUrl)
  const here = await openNode(t, databaseUrl)
  const there = await openNode(t, databaseUrl, wire.url)
  t.ok((await hearing(here)) && (await hearing(there)), 'both nodes hear')
  return { here, there, wire }
}

const deaf = (node: Node) => eventually(() => !node.house.changes.hearing, node)

t.test('a node that lost the feed asks for every token, and catches up when it is back', ONLY_SHARED, async t => {
  const { here, there, wire } = await openPair(t)
  const revoked = await actingAs(here.house)
  const live = await actingAs(here.house, ['tokens:read'])
  for (const { headers } of [revoked, live]) t.equal(await status(there, headers), 200)

  wire.cut()
  t.ok(await deaf(there), 'it notices')
  t.match(there.warnings, [/lost the feed of changes/], 'and says so, once')
  await here.house.tokens.revoke(revoked.user.id, revoked.id)
  t.equal(await status(there, revoked.headers), 401, 'what was revoked meanwhile is refused at the first request')
  t.equal(await status(there, live.headers), 200, 'what is live is still let in')
  await here.house.tokens.change(live.user, live.id, { scopes: [] })
  t.equal(await status(there, live.headers, '/api/tokens'), 403, 'with the scopes it has now')

  wire.mend()
  t.ok(await hearing(there), 'it hears again')
  t.equal(await status(there, revoked.headers), 401)
  t.equal(await status(there, live.headers), 200)
  await here.house.tokens.revoke(live.user.id, live.id)
  t.ok(await eventually(async () => (await status(there, live.headers)) === 401, there), 'and obeys')
  t.equal(there.warnings.length, 1)
})

t.test('a revocation in the gap that nobody noticed is obeyed when the gap is', ONLY_SHARED, async t => {
  const { here, there, wire } = await openPair(t)
  const { user, id, headers } = await actingAs(here.house)
  t.equal(await status(there, headers), 200)
  wire.block()
  await here.house.tokens.revoke(user.id, id)
  t.ok(there.house.changes.hearing, 'it cannot know yet')
  t.ok(await eventually(async () => (await status(there, headers)) === 401, there), 'no sign of life is a gap')
  t.notOk(there.house.changes.hearing)
  wire.mend()
  t.ok(await hearing(there))
  t.equal(await status(there, headers), 401)
})

t.test('the server ends the connection of the feed', ONLY_SHARED, async t => {
  const { here, there } = await openPair(t)
  const { id, headers } = await actingAs(here.house)
  t.equal(await status(there, headers), 200)
  // In one statement, so that the revocation falls into the gap whatever the listeners do.
  const ended = await here.house.db.query<{ ended: boolean }>(
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
    t.ok(await hearing(node), 'and it hears again')
    t.equal(await status(node, headers), 401)
  }
})

t.test('a message that cannot be read empties the memory, and harms nothing', ONLY_SHARED, async t => {
  const { here, there } = await openPair(t)
  const { id, headers } = await actingAs(here.house)
  for (const payload of ['', 'nonsense', '{}', 'null', '"token"', '[{}]', '[null]']) {
    t.equal(await status(there, headers), 200)
    const { count } = there.house.changes
    await here.house.db.query(`select pg_notify(?, ?)`, [CHANNEL, payload])
    t.ok(await eventually(() => there.house.changes.count > count, there), `${payload || 'nothing'} is heard`)
  }
  await here.house.db.query('update oauth_access_tokens set revoked = true where id = ?', [id])
  await here.house.db.query(`select pg_notify(?, ?)`, [CHANNEL, 'nonsense'])
  t.ok(await eventually(async () => (await status(there, headers)) === 401, there))
  t.ok(there.house.changes.hearing)
})

t.test('a node closes while the feed is away', ONLY_SHARED, async t => {
  const { there, wire } = await openPair(t)
  wire.block()
  await there.house.close()
  t.notOk(there.house.changes.hearing)
})
